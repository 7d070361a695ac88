import os

import sqlalchemy as sa
from alembic import context
from models import metadata

engine = sa.create_engine(
    os.environ[context.get_x_argument(as_dictionary=True)["variable"]],
    poolclass=sa.pool.NullPool,
)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
