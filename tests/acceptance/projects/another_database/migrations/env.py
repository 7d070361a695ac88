import sqlalchemy as sa
from alembic import context
from models import metadata

engine = sa.create_engine(
    context.config.get_main_option("sqlalchemy.url"), poolclass=sa.pool.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
