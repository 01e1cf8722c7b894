//! Domains under which anyone can have a name: storage, functions, pages, fronts. A wildcard over one of them grants the
//! attacker's own tenant too.

use super::pattern::Host;

/// Such domains. A table of data: add to it freely.
static SHARED: &[&str] = &[
    "akamaized.net",
    "appspot.com",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "backblazeb2.com",
    "blob.core.windows.net",
    "cloudapp.azure.com",
    "cloudapp.net",
    "cloudfront.net",
    "cloudfunctions.net",
    "deno.dev",
    "digitaloceanspaces.com",
    "duckdns.org",
    "dfs.core.windows.net",
    "elasticbeanstalk.com",
    "fastly.net",
    "file.core.windows.net",
    "firebaseapp.com",
    "firebaseio.com",
    "fly.dev",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "glitch.me",
    "herokuapp.com",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "on.aws",
    "ondigitalocean.app",
    "onrender.com",
    "pages.dev",
    "queue.core.windows.net",
    "r2.cloudflarestorage.com",
    "r2.dev",
    "run.app",
    "s3.amazonaws.com",
    "storage.googleapis.com",
    "supabase.co",
    "surge.sh",
    "table.core.windows.net",
    "trafficmanager.net",
    "trycloudflare.com",
    "vercel.app",
    "wasabisys.com",
    "web.app",
    "workers.dev",
];

impl Host {
    /// The shared domain that a wildcard takes names of, if it does: itself, one below it, or one of its regions.
    pub(super) fn shared(&self) -> Option<&'static str> {
        let Self::Under(under) = self else { return None };
        let under = under.trim_start_matches('.');
        let below =
            |shared: &str| shared.strip_suffix(under).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let regional = under.starts_with("s3") && under.ends_with(".amazonaws.com") && !under.contains("execute-api");
        let found = SHARED.iter().find(|shared| below(shared)).copied();
        found.or_else(|| regional.then_some("s3.amazonaws.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcard_over_tenants_is_told() {
        let shared = |text: &str| Host::parse(text).unwrap().shared();
        for wide in
            ["*.workers.dev", "*.amazonaws.com", "*.s3.eu-west-1.amazonaws.com", "*.blob.core.windows.net", "*.com"]
        {
            assert!(shared(wide).is_some(), "{wide}");
        }
        for narrow in ["bucket.s3.amazonaws.com", "*.mine.workers.dev", "*.example.org", "*.badworkers.dev"] {
            assert_eq!(shared(narrow), None, "{narrow}");
        }
    }
}
