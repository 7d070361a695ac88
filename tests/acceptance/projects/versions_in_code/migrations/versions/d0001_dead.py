"""a revision of another time, which nobody runs any more"""

revision = "d0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    raise RuntimeError("nobody runs this")


def downgrade():
    raise RuntimeError("nobody runs this")
