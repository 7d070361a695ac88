"""orders

Revision ID: a0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "a0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("placed_at", sa.DateTime, nullable=False),
        sa.Column("shipped_at", sa.DateTime),
    )
    op.execute("CREATE VIEW recent AS SELECT id, placed_at FROM orders")


def downgrade():
    op.execute("DROP VIEW recent")
    op.drop_table("orders")
