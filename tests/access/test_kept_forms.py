"""Forms about access, helpers and corrections survive: sent twice, a login that ends, two windows, access that is stopped."""
