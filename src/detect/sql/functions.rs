//! Functions and catalogues by what calling them means. Names in lower case; a schema before the name is not part of it.

/// What a call is good for in an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Makes the server wait: blind extraction by time.
    Wait,
    /// Puts its argument into an error message or a request to elsewhere.
    Leak,
    /// Reads or writes files, runs programs, opens connections.
    Reach,
    /// Tells about the server, the session or its user.
    Tell,
    /// Builds strings or takes them apart, under a name that few other languages have.
    Craft,
    /// An ordinary function of SQL.
    Known,
    /// Any other name.
    Unknown,
}

impl Purpose {
    /// The purpose of the function of this name.
    pub(super) fn of(name: &[u8]) -> Self {
        let mut buffer = [0; LONGEST];
        let Some(lower) = lower(name, &mut buffer) else { return Self::Unknown };
        let by_name = |list: &[&[u8]]| list.binary_search(&lower).is_ok();
        if by_name(WAIT) {
            Self::Wait
        } else if by_name(LEAK) {
            Self::Leak
        } else if by_name(REACH)
            || [&b"xp_"[..], b"sp_oa", b"utl_", b"dbms_"].iter().any(|start| lower.starts_with(start))
        {
            Self::Reach
        } else if by_name(TELL) {
            Self::Tell
        } else if by_name(CRAFT) {
            Self::Craft
        } else if by_name(KNOWN) {
            Self::Known
        } else {
            Self::Unknown
        }
    }
}

/// Whether a name belongs to a database's own catalogue.
pub(super) fn is_catalogue(name: &[u8]) -> bool {
    let mut buffer = [0; LONGEST];
    lower(name, &mut buffer).is_some_and(|lower| CATALOGUE.binary_search(&lower).is_ok())
}

const LONGEST: usize = 28;

fn lower<'a>(name: &[u8], buffer: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let lower = buffer.get_mut(..name.len())?;
    for (to, from) in lower.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    Some(lower)
}

/// Time passes.
static WAIT: &[&[u8]] = &[
    b"benchmark",
    b"pg_sleep",
    b"pg_sleep_for",
    b"pg_sleep_until",
    b"randomblob",
    b"receive_message",
    b"sleep",
    b"zeroblob",
];

/// Errors and side channels that carry their argument out.
static LEAK: &[&[u8]] = &[
    b"database_to_xml",
    b"extractvalue",
    b"geometrycollection",
    b"get_host_address",
    b"get_host_name",
    b"getmappingxpath",
    b"gtid_subset",
    b"gtid_subtract",
    b"json_keys",
    b"linestring",
    b"multilinestring",
    b"multipoint",
    b"multipolygon",
    b"name_const",
    b"ordsys",
    b"polygon",
    b"query_to_xml",
    b"sn",
    b"sqlid_to_sqlhash",
    b"st_latfromgeohash",
    b"st_longfromgeohash",
    b"table_to_xml",
    b"updatexml",
    b"xmltype",
];

/// Files, programs and the network.
static REACH: &[&[u8]] = &[
    b"csvwrite",
    b"dblink",
    b"dblink_connect",
    b"file_read",
    b"fn_get_audit_file",
    b"fn_trace_gettable",
    b"fn_xe_file_target_read_file",
    b"httpuritype",
    b"linked_server",
    b"lo_export",
    b"lo_from_bytea",
    b"lo_import",
    b"load_extension",
    b"load_file",
    b"opendatasource",
    b"openquery",
    b"openrowset",
    b"pg_ls_dir",
    b"pg_read_binary_file",
    b"pg_read_file",
    b"pg_stat_file",
    b"readfile",
    b"sys_eval",
    b"sys_exec",
    b"writefile",
];

/// About the server and its user.
static TELL: &[&[u8]] = &[
    b"col_name",
    b"connection_id",
    b"current_database",
    b"current_query",
    b"current_schema",
    b"current_setting",
    b"current_user",
    b"database",
    b"db_name",
    b"has_dbaccess",
    b"host_name",
    b"inet_server_addr",
    b"is_srvrolemember",
    b"object_id",
    b"object_name",
    b"pg_postmaster_start_time",
    b"schema",
    b"serverproperty",
    b"session_user",
    b"sqlite_version",
    b"suser_name",
    b"suser_sname",
    b"sys_context",
    b"system_user",
    b"user",
    b"user_name",
    b"userenv",
    b"version",
];

/// What takes strings apart or builds them, and few programs outside of SQL have.
static CRAFT: &[&[u8]] = &[
    b"aes_decrypt",
    b"aes_encrypt",
    b"array_to_string",
    b"ascii",
    b"binary_checksum",
    b"char",
    b"char_length",
    b"chr",
    b"compress",
    b"concat_ws",
    b"conv",
    b"crypt_key",
    b"elt",
    b"export_set",
    b"find_in_set",
    b"from_base64",
    b"generate_series",
    b"group_concat",
    b"hex",
    b"hextoraw",
    b"ifnull",
    b"iif",
    b"instr",
    b"lcase",
    b"listagg",
    b"load",
    b"lower_inc",
    b"lpad",
    b"ltrim",
    b"make_set",
    b"makeaclitem",
    b"md5",
    b"mid",
    b"nchar",
    b"nullif",
    b"nvl",
    b"octet_length",
    b"ord",
    b"quotename",
    b"rawtohex",
    b"regexp_substring",
    b"row_count",
    b"row_to_json",
    b"rpad",
    b"rtrim",
    b"stragg",
    b"strcmp",
    b"string_agg",
    b"stuff",
    b"substr",
    b"substring_index",
    b"sysdate",
    b"to_char",
    b"try_cast",
    b"try_convert",
    b"ucase",
    b"uncompress",
    b"unhex",
    b"unicode",
    b"unistr",
    b"xmlagg",
    b"xmlconcat",
    b"xmlelement",
];

/// Ordinary.
static KNOWN: &[&[u8]] = &[
    b"abs",
    b"analyse",
    b"avg",
    b"bin",
    b"bit_count",
    b"cast",
    b"ceil",
    b"ceiling",
    b"changes",
    b"character_length",
    b"charindex",
    b"checksum",
    b"checksum_agg",
    b"coalesce",
    b"collation",
    b"concat",
    b"convert",
    b"cos",
    b"count",
    b"crc32",
    b"date",
    b"datediff",
    b"decode",
    b"dump",
    b"encode",
    b"exp",
    b"extract",
    b"field",
    b"floor",
    b"format",
    b"greatest",
    b"if",
    b"initcap",
    b"insert",
    b"interval",
    b"isnull",
    b"json_build_object",
    b"json_extract",
    b"jsonb_build_object",
    b"least",
    b"left",
    b"len",
    b"length",
    b"like",
    b"ln",
    b"locate",
    b"log",
    b"lower",
    b"max",
    b"min",
    b"mod",
    b"now",
    b"parse",
    b"password",
    b"patindex",
    b"pi",
    b"position",
    b"pow",
    b"power",
    b"procedure",
    b"quote",
    b"rand",
    b"random",
    b"repeat",
    b"replace",
    b"replicate",
    b"reverse",
    b"right",
    b"round",
    b"row",
    b"sha1",
    b"sha2",
    b"sign",
    b"sin",
    b"space",
    b"sqrt",
    b"starts_with",
    b"stddev",
    b"str",
    b"substring",
    b"sum",
    b"tan",
    b"timestampadd",
    b"to_base64",
    b"to_json",
    b"to_jsonb",
    b"to_number",
    b"total",
    b"translate",
    b"trim",
    b"typeof",
    b"upper",
    b"uuid",
    b"xpath",
];

/// Tables and schemas that describe the database itself.
static CATALOGUE: &[&[u8]] = &[
    b"all_objects",
    b"all_source",
    b"all_tab_cols",
    b"all_tab_columns",
    b"all_tables",
    b"all_users",
    b"dba_objects",
    b"dba_role_privs",
    b"dba_sys_privs",
    b"dba_tab_columns",
    b"dba_tables",
    b"dba_users",
    b"dual",
    b"global_name",
    b"information_schema",
    b"loginuser",
    b"msysaces",
    b"msysobjects",
    b"msysqueries",
    b"msysrelationships",
    b"pg_attribute",
    b"pg_authid",
    b"pg_catalog",
    b"pg_class",
    b"pg_database",
    b"pg_proc",
    b"pg_roles",
    b"pg_shadow",
    b"pg_stat_activity",
    b"pg_tables",
    b"pg_user",
    b"rdb$database",
    b"rdb$fields",
    b"rdb$relation_fields",
    b"rdb$relations",
    b"session_privs",
    b"session_roles",
    b"sqlite_master",
    b"sqlite_schema",
    b"sqlite_temp_master",
    b"syscat",
    b"syscolumns",
    b"syscomments",
    b"sysdatabases",
    b"sysibm",
    b"syslogins",
    b"sysobjects",
    b"syspasswd",
    b"sysproperties",
    b"sysservers",
    b"systables",
    b"sysusers",
    b"sysxlogins",
    b"tabauth",
    b"user_catalog",
    b"user_objects",
    b"user_role_privs",
    b"user_sys_privs",
    b"user_tab_columns",
    b"user_tab_privs",
    b"user_tables",
    b"user_users",
    b"v$database",
    b"v$instance",
    b"v$session",
    b"v$version",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_short_enough() {
        for list in [WAIT, LEAK, REACH, TELL, CRAFT, KNOWN, CATALOGUE] {
            assert!(list.is_sorted());
            assert!(list.iter().all(|name| name.len() <= LONGEST), "{list:?}");
        }
    }

    #[test]
    fn purpose_is_found_in_any_case() {
        assert_eq!(Purpose::of(b"PG_Sleep"), Purpose::Wait);
        assert_eq!(Purpose::of(b"xp_dirtree"), Purpose::Reach);
        assert_eq!(Purpose::of(b"my_own_function_of_a_long_name"), Purpose::Unknown);
    }
}
