"""Drivers of other languages, and SQLAlchemy: each does an application's ordinary work through a sidecar, meets denials with an
error that it reports as the database's own, and goes on."""

import json
import shutil
from urllib.parse import quote

from clients_kit.checks import Skipped, expect, run
from clients_kit.postgres import PASSWORD
from clients_kit.programs import HERE as KIT


def each(binary, certs):
    """The checks, for drivers that were built beside `binary`."""

    def node(door):
        if shutil.which("node") is None or not (KIT.parent / "node_modules/pg").is_dir():
            raise Skipped("no node, or no pg")
        options = {"host": "localhost", "port": door.port, "user": "app", "password": PASSWORD, "database": "shop"}
        if door.name == "strict":
            options["ssl"] = {"ca": f"{certs}/ca.crt", "cert": f"{certs}/client.crt", "key": f"{certs}/client.key"}
        return events(door, ["node", KIT.parent / "databases_kit/node_pg.js", json.dumps(options)], 4)

    def tokio_postgres(door):
        address = f"host=127.0.0.1 port={door.port} user=app password='{PASSWORD}' dbname=shop connect_timeout=20"
        return events(door, [driver("tokio_postgres"), address], 3)

    def sqlx(door):
        query = "sslmode=disable"
        if door.name == "strict":
            query = f"sslmode=verify-full&sslrootcert={certs}/ca.crt&sslcert={certs}/client.crt&sslkey={certs}/client.key"
        return events(door, [driver("sqlx"), f"postgres://app:{quote(PASSWORD)}@localhost:{door.port}/shop?{query}"], 3)

    def driver(name):
        for folder in (binary.parent, binary.parent.parent / "debug"):
            if (folder / name).exists():
                return folder / name
        raise Skipped(f"no {name}: cargo build --manifest-path tests/drivers/Cargo.toml --target-dir target")

    return node, tokio_postgres, sqlx


def events(door, command, count):
    """What the driver was told is in the record."""
    done = run(command, 120)
    expect("exit code", (done.returncode, done.stderr), (0, ""))
    told = done.stdout.split()
    expect("denials", len(told), count)
    for event in told:
        expect(event, door.podwall.recorded(event=event)["verdict"], "deny")
    return f"{count} denials"


def sqlalchemy(door, certs=None):
    """An ORM's session over a pool, with the rollback that it does by itself."""
    try:
        import sqlalchemy as sa
        from sqlalchemy import orm
    except ImportError:
        raise Skipped("no SQLAlchemy") from None

    class Base(orm.DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        item: orm.Mapped[str]
        amount: orm.Mapped[int]

    tls = {"sslmode": "verify-full", "sslrootcert": f"{certs}/ca.crt", "sslcert": f"{certs}/client.crt",
           "sslkey": f"{certs}/client.key"} if certs else {}
    url = sa.URL.create("postgresql+psycopg", "app", PASSWORD, "localhost", door.port, "shop", query=tls)
    engine = sa.create_engine(url, pool_size=2, pool_pre_ping=True)

    def denied(session, statement):
        try:
            session.execute(sa.text(statement))
        except sa.exc.ProgrammingError as error:
            expect("code", error.orig.sqlstate, "42501")
            door.podwall.recorded(event=error.orig.diag.message_detail.removeprefix("event "))
            return
        raise AssertionError(f"{statement} was not denied")

    door.empty()
    with orm.Session(engine) as session, session.begin():
        session.add_all([Order(item=f"orm {n}", amount=n) for n in range(50)])
    with orm.Session(engine) as session:
        some = session.scalars(sa.select(Order).where(Order.amount.in_([3, 4, 5])).order_by(Order.id)).all()
        expect("in", [order.amount for order in some], [3, 4, 5])
        some[0].amount = 100
        session.delete(some[1])
        session.commit()
        expect("sum", session.scalar(sa.select(sa.func.sum(Order.amount))), sum(range(50)) - 3 - 4 + 100)
        expect("page", len(session.scalars(sa.select(Order).order_by(Order.id).limit(10).offset(45)).all()), 4)
    with orm.Session(engine) as session:
        session.add(Order(item="lost", amount=1))
        session.flush()
        denied(session, "UPDATE customers SET name = 'x' WHERE id = 1")
        session.rollback()
        denied(session, "SELECT password_hash FROM customers")
        session.rollback()
        expect("lost", session.scalar(sa.select(sa.func.count()).where(Order.item == "lost")), 0)
    expect("tables", sa.inspect(engine).has_table("orders"), True)
    engine.dispose()
    door.empty()
