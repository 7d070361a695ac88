-- title: sessions that ran functions on the table before go on, in any zone
-- facts: 8 PL/pgSQL function already run in that session
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT count_rows(), row_of(1), record_of(7)
-- query: UPDATE orders SET note = 'x' WHERE id = 1 RETURNING note
-- query: CALL keep(1); SELECT {placed_at} FROM orders WHERE id = 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE FUNCTION count_rows() RETURNS int LANGUAGE plpgsql AS $$
DECLARE o orders%ROWTYPE; n int := 0;
BEGIN
    FOR o IN SELECT * FROM orders LOOP
        IF o.placed_at IS NOT NULL THEN n := n + 1; END IF;
    END LOOP;
    RETURN n;
END $$;
CREATE FUNCTION row_of(wanted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE o orders; at orders.placed_at%TYPE;
BEGIN
    SELECT * INTO o FROM orders WHERE id = wanted;
    at := o.placed_at;
    RETURN o.note || isfinite(at);
END $$;
CREATE FUNCTION record_of(wanted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    SELECT id, placed_at, note INTO r FROM orders WHERE id = wanted;
    RETURN r.note || isfinite(r.placed_at);
END $$;
CREATE PROCEDURE keep(wanted int) LANGUAGE plpgsql AS $$
DECLARE o orders;
BEGIN
    SELECT * INTO o FROM orders WHERE id = wanted;
    UPDATE orders SET placed_at = o.placed_at WHERE id = wanted;
END $$;
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.placed_at IS DISTINCT FROM old.placed_at THEN new.note := 'moved'; END IF;
    new.note := new.note || tg_op;
    RETURN new;
END $$;
CREATE TRIGGER pass BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION pass();
