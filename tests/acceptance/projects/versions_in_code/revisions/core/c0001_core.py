"""core"""

from alembic import op

revision = "c0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.execute("CREATE TABLE settings (name text PRIMARY KEY, value text)")


def downgrade():
    op.execute("DROP TABLE settings")
