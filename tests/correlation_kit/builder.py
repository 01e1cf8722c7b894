"""SQLAlchemy as an application uses it: columns by name, parameters for values."""

from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.dialects import mysql, postgresql

ITEMS = Table("items", MetaData(), Column("id", Integer), Column("name", String), Column("data", String))
DIALECTS = {"postgres": postgresql.psycopg.dialect(paramstyle="pyformat"), "mariadb": mysql.pymysql.dialect(paramstyle="pyformat")}
COMPARES = {"eq": "__eq__", "gt": "__gt__", "like": "like"}


def sort(value):
    def by(term):
        name, *direction = term.split()
        return ITEMS.c[name].desc() if direction == ["desc"] else ITEMS.c[name].asc()

    return select(ITEMS.c.id, ITEMS.c.name).order_by(*map(by, value.split(",")))


def columns(value):
    return select(*(ITEMS.c[name.strip()] for name in value.split(",")))


def filtered(value):
    name, operator, given = value.split(":", 2)
    condition = ITEMS.c[name].in_(given.split(",")) if operator == "in" else getattr(ITEMS.c[name], COMPARES[operator])(given)
    return select(ITEMS.c.id, ITEMS.c.name).where(condition)


BUILDERS = {"/q/sort": sort, "/q/columns": columns, "/q/filter": filtered}


def built(dialect, path, value):
    """A statement and its parameters; `KeyError` for a name that there is not."""
    compiled = BUILDERS[path](value).compile(dialect=DIALECTS[dialect], compile_kwargs={"render_postcompile": True})
    return str(compiled), compiled.params
