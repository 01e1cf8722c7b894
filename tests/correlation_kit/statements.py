"""The application's statements: endpoints that paste what they are sent, twins of them with parameters, and a query
builder's, which puts in names and directions but no values. `{v}` is what is sent, `%s` a parameter."""

PASTED = {
    "/literal": "SELECT id, name FROM items WHERE name = '{v}' ORDER BY id",
    "/number": "SELECT id, name FROM items WHERE id = {v} ORDER BY id",
    "/like": "SELECT id, name FROM items WHERE name LIKE '%{v}%' ORDER BY id",
    "/order": "SELECT id, name FROM items ORDER BY {v} LIMIT 50",
    "/in": "SELECT id, name FROM items WHERE id IN ({v}) ORDER BY id",
}
TWINS = {
    "literal": "SELECT id, name FROM items WHERE name = %s",
    "number": "SELECT id, name FROM items WHERE CONCAT('', id) = %s",
    "order": "SELECT id, name FROM items ORDER BY CASE WHEN %s = 'name' THEN name ELSE CONCAT('', id) END",
}
BUILT = {
    "/b/sort": "SELECT id, name FROM items ORDER BY {v}",
    "/b/columns": "SELECT {v} FROM items",
    "/b/filter": "SELECT id, name FROM items WHERE {name} {operator} %s ORDER BY id",
}
OPERATORS = {"eq": "=", "gt": ">", "like": "LIKE"}


class Statements:
    """Those of one dialect. Twins are asked under `/p/` with their values apart from the text, under `/c/` with the values
    written into it by the driver."""

    def __init__(self, pasted, twins):
        self.pasted = PASTED | pasted
        self.twins = {f"/{way}/{name}": sql for way in "pc" for name, sql in (TWINS | twins).items()}

    def of(self, path, value):
        """A statement, and its parameters."""
        if path in self.pasted:
            return self.pasted[path].format(v=value), None
        if path in self.twins:
            return self.twins[path], (value,)
        if path == "/b/filter":
            name, operator, given = value.split(":", 2)
            return BUILT[path].format(name=name, operator=OPERATORS[operator]), (given,)
        return BUILT[path].format(v=value), None

    def pieces(self, asked):
        """What the application's own source says: its statements, what they are put together from, what it has asked, and what
        stands between the strings of that."""
        whole = [*self.pasted.values(), *self.twins.values(), *BUILT.values(), *asked]
        cut = [piece.strip() for sql in self.pasted.values() for piece in sql.replace("{{", "{").replace("}}", "}").split("{v}")]
        between = [f"'{piece}'" for sql in asked for piece in sql.split("'")[2:-1:2]]
        return list(dict.fromkeys(piece for piece in [*whole, *cut, *between] if piece))


DIALECTS = {
    "postgres": Statements(
        {"/json": "SELECT id, data #>> '{{{v}}}' FROM items"},
        {
            "like": "SELECT id, name FROM items WHERE name LIKE '%%' || %s || '%%'",
            "in": "SELECT id, name FROM items WHERE id::text = ANY (string_to_array(%s, ','))",
            "json": "SELECT id, data #>> string_to_array(%s, ',') FROM items",
        },
    ),
    "mariadb": Statements(
        {
            "/double": 'SELECT id, name FROM items WHERE name = "{v}" ORDER BY id',
            "/json": "SELECT id, JSON_VALUE(data, '$.{v}') FROM items",
        },
        {
            "like": "SELECT id, name FROM items WHERE name LIKE CONCAT('%%', %s, '%%')",
            "in": "SELECT id, name FROM items WHERE FIND_IN_SET(id, %s)",
            "json": "SELECT id, JSON_VALUE(data, CONCAT('$.', %s)) FROM items",
        },
    ),
}
