"""The application."""

import os

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
migrate = Migrate(app, db)


class Order(db.Model):
    __tablename__ = "orders"
    id = sa.Column(sa.Integer, primary_key=True)
    placed_at = sa.Column(sa.DateTime, nullable=False)
    shipped_at = sa.Column(sa.DateTime)
