"""What the application is sent: attacks, and values that are none."""

CLOSING = ["' OR '1'='1", "' OR 1=1 -- ", "x' UNION SELECT id, secret FROM vault -- ", "'; DROP TABLE items -- ", "' OR name LIKE '%",
           "'||(SELECT secret FROM vault)||'", "%' UNION SELECT id, secret FROM vault WHERE secret LIKE '%", "' OR''='", "'-- ", "x' y 'z"]
NUMERIC = ["1 OR 1=1", "1 UNION SELECT id, secret FROM vault", "1; DROP TABLE items", "(SELECT 1)", "1 AND 1=1", "1+1+1", "1/**/OR/**/1=1",
           "CASE WHEN 1=1 THEN 1 ELSE 2 END", "ascii(substr((SELECT secret FROM vault),1,1))", "1 'x' y", "/* 1 */"]
SORTING = ["(SELECT secret FROM vault)", "CASE WHEN (SELECT 1)=1 THEN id ELSE -id END", "name LIMIT 1", "name; DROP TABLE items",
           "id, (SELECT 1)", "name UNION SELECT 1"]
# What one of the servers reads in its own way.
OWN = {
    "postgres": {
        "closing": ["' AND pg_sleep(0) IS NULL --", "'--"],
        "numeric": ["1--x\n+1", "$$a$$ OR true"],
        "sorting": ["name NULLS FIRST LIMIT 1"],
        "json": ["a}', secret FROM vault --", "a}' FROM items UNION SELECT id, secret FROM vault --", "a}' || (SELECT secret FROM vault) || '{b"],
    },
    "mariadb": {
        "closing": ["' OR 1=1#", "' AND SLEEP(0) IS NULL # ", "'/*!50000OR*/1=1#", "' XOR '1", "x\\"],
        "numeric": ["1 && 1", "1 /*!40101 UNION SELECT id, secret FROM vault*/", "IF(1=1,1,2)", "1 RLIKE 1", "1 DIV 1"],
        "sorting": ["IF((SELECT 1)=1,id,-id)", "name PROCEDURE ANALYSE()", "name COLLATE utf8mb4_bin"],
        "json": ["a'), secret FROM vault -- ", "a') FROM items UNION SELECT id, secret FROM vault -- ", "a' || (SELECT secret FROM vault) || 'b"],
    },
}
IN = ["1) OR (1=1", "1) UNION SELECT id, secret FROM vault WHERE (id=1"]
ORDINARY = {
    "/literal": ["item 1", "Zoë", "a or b", "SELECT committee", "1=1", "x--y", "select * from items", "a # b"],
    "/like": ["item", "1 or 2", "50% off (today)", "drop table"],
    "/json": ["a", "order_by"],
    "/number": ["1", "-1", "17", "1.5", "'1'"],
    "/in": ["1", "1,2,3", "1, 2", "'1','2'", "-1,2"],
    "/order": ["name", "id desc", "name ASC, id DESC", "items.name", "1, 2"],
    "/b/sort": ["name", "id desc", "name asc, id desc", "items.id DESC"],
    "/b/columns": ["id", "id,name", "items.id, items.name, data", "*", "items.*"],
    "/b/filter": ["name:eq:item 1", "name:like:%1%", "name:gt:O'Brien", "name:eq:' OR 1=1 --"],
    "/q/sort": ["name", "id desc", "name asc,id desc"],
    "/q/columns": ["id", "id, name", "name,data,id"],
    "/q/filter": ["name:eq:item 1", "name:like:%1%", "name:gt:O'Brien", "name:eq:' OR 1=1 -- ", "name:in:item 1,' OR '1'='1", "id:in:1,2,3"],
}
OWN_ORDINARY = {
    "postgres": {"/json": ["a", "a,b", "order by"], "/order": ["name DESC NULLS LAST"], "/b/sort": ["items.id DESC NULLS FIRST"]},
    "mariadb": {"/double": ["item 1", "it's", "SELECT committee"]},
}
# For endpoints with parameters.
ODD = ["O'Brien", 'say "no"', "it's; really", "a -- b", "a # b", "/* a */", "back\\slash", "\\' OR 1=1 -- ", "SELECT * FROM items WHERE id = 1",
       "' OR '1'='1", "name = 'x' OR 1=1", "(a)", "1, 2"]


def attacks(dialect):
    """Pairs of a path and a value."""
    own = OWN[dialect]
    closing = CLOSING + own["closing"]
    numeric = NUMERIC + own["numeric"]
    by_path = {"/literal": [*closing, "'", "x'"], "/like": [value for value in [*closing, "x'"] if value[-1] != "\\"], "/json": own["json"], "/number": numeric, "/in": numeric + IN, "/order": SORTING + own["sorting"]}
    if dialect == "mariadb":
        by_path["/double"] = [value.replace("'", '"') for value in closing]
    return [(path, value) for path, values in by_path.items() for value in values]


def ordinary(dialect, twins):
    pairs = [(path, value) for given in (ORDINARY, OWN_ORDINARY[dialect]) for path, values in given.items() for value in values]
    return pairs + [(path, value) for path in twins for value in ODD]
