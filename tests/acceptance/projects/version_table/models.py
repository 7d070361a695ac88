"""What the application knows of its table."""

import sqlalchemy as sa

metadata = sa.MetaData()
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("placed_at", sa.DateTime, nullable=False),
    sa.Column("shipped_at", sa.DateTime),
)
