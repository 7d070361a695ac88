"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
owner = "${config.get_main_option("owner") or "nobody"}"


def upgrade():
    ${upgrades if upgrades else "pass"}
