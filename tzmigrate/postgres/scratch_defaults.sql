-- scratch_defaults: settings of a server that decide how text in SQL is read
-- params: none   gives: name, value   needs: PostgreSQL 13+
SELECT s.name, s.reset_val
FROM pg_catalog.pg_settings s
WHERE s.name = ANY (ARRAY[
        'TimeZone', 'timezone_abbreviations', 'DateStyle', 'IntervalStyle',
        'search_path', 'default_text_search_config', 'array_nulls',
        'transform_null_equals', 'xmloption', 'lc_monetary', 'lc_numeric', 'lc_time'])
  AND s.reset_val IS DISTINCT FROM s.boot_val
ORDER BY 1
