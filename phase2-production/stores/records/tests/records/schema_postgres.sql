-- One line for every column, constraint, index, policy, privilege and row security flag of the
-- tables in public. Each begins with the name of its table.
SELECT format('%s column %s %s %s %s %s', table_name, ordinal_position, column_name, data_type,
       is_nullable, column_default)
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT format('%s constraint %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT format('%s index %s %s', tablename, indexname, indexdef)
  FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT format('%s policy %s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual,
       with_check)
  FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT format('%s privilege %s %s', table_name, column_name, privilege_type)
  FROM information_schema.column_privileges
 WHERE table_schema = 'public' AND grantee = 'upload_app'
UNION ALL
SELECT format('%s privilege %s', table_name, privilege_type)
  FROM information_schema.table_privileges
 WHERE table_schema = 'public' AND grantee = 'upload_app'
UNION ALL
SELECT format('%s row security %s %s', relname, relrowsecurity, relforcerowsecurity)
  FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
