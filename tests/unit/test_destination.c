/* Which urls are one destination, and which are not. */
#include "unit.h"

#include "base/destination.h"

static const char *url_of(const char *url)
{
    static struct destination destinations[2];
    static unsigned turn;
    struct destination *destination = &destinations[turn++ % 2];
    const char *fault = "";

    if (destination_of_url(url, destination, &fault) < 0)
        fail_msg("%s %s", url, fault);
    return destination->url;
}

static const char *site_of(const char *url)
{
    static struct destination destination;
    const char *fault = "";

    if (destination_of_url(url, &destination, &fault) < 0)
        fail_msg("%s %s", url, fault);
    return destination.site;
}

static const char *fault_of(const char *url)
{
    struct destination destination;
    const char *fault = "";

    assert_int_equal(destination_of_url(url, &destination, &fault), -EINVAL);
    return fault;
}

static void what_makes_no_difference_is_one_destination(void **state)
{
    static const char *const same[][2] = {
        {"HTTP://Example.ORG/", "http://example.org/"},
        {"http://example.org", "http://example.org/"},
        {"http://example.org./", "http://example.org/"},
        {"http://example.org:80/a", "http://example.org/a"},
        {"https://example.org:0443/a", "https://example.org/a"},
        {"http://example.org:/a", "http://example.org/a"},
        {"http://B\xc3\x9c" "CHER.example/", "http://xn--bcher-kva.example/"},
        {"http://XN--BCHER-KVA.example/", "http://xn--bcher-kva.example/"},
        {"http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"},
        {"http://bu\xcc\x88" "cher.example/", "http://xn--bcher-kva.example/"},
        {"http://example\xe3\x80\x82org/", "http://example.org/"}, /* an ideographic full stop */
        {"http://0x7f.1/", "http://127.0.0.1/"},
        {"http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/", "http://127.0.0.1/"}, /* full-width digits */
        {"http://[2001:DB8:0:0::1]/", "http://[2001:db8::1]/"},
        {"http://example.org/a/./b/../c", "http://example.org/a/c"},
        {"http://example.org/a/%2e%2E/b", "http://example.org/b"},
        {"http://example.org/../../a/..", "http://example.org/"},
        {"http://example.org/a/b/.", "http://example.org/a/b/"},
        {"http://example.org/a#part", "http://example.org/a"},
        {"http://example.org/%7euser/%41", "http://example.org/~user/A"},
        {"http://example.org/Mars_%28planet%29", "http://example.org/Mars_(planet)"},
        {"http://example.org/%e4%bd%a0", "http://example.org/\xe4\xbd\xa0"},
        {"http://example.org/?q=%e4%bd%a0", "http://example.org/?q=\xe4\xbd\xa0"},
        {"http://example.org/100%", "http://example.org/100%25"},
        {"http://example.org/?a[]=1", "http://example.org/?a%5b%5d=1"},
        {"http://example.org/?", "http://example.org/"},
        {"http://example.org/?&a=1&&b=2&", "http://example.org/?a=1&b=2"},
        {"http://example.org/?utm_source=x&a=1&UTM_Medium=y&fbclid=z", "http://example.org/?a=1"},
        {"http://example.org/?gclid=x", "http://example.org/"},
        {"http://example.org/?utm%5Fsource=x&mtm_any", "http://example.org/"},
        {"http://@example.org/", "http://example.org/"},
        {"http://an%61@example.org/", "http://ana@example.org/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_string_equal(url_of(same[i][0]), url_of(same[i][1]));
}

static void what_matters_is_another_destination(void **state)
{
    static const char *const different[][2] = {
        {"http://example.org/", "https://example.org/"},
        {"http://example.org/", "http://www.example.org/"},
        {"http://example.org/", "http://example.org:8080/"},
        {"http://example.org/", "http://ana@example.org/"},
        {"http://example.org/a", "http://example.org/A"},
        {"http://example.org/a", "http://example.org/a/"},
        {"http://example.org/a", "http://example.org//a"},
        {"http://example.org/a/b", "http://example.org/a%2fb"},
        {"http://example.org/?a=1&b=2", "http://example.org/?b=2&a=1"},
        {"http://example.org/?a=b&c", "http://example.org/?a=b%26c"},
        {"http://example.org/?a=", "http://example.org/?a"},
        {"http://example.org/?a=1+2", "http://example.org/?a=1%2b2"},
        {"http://example.org/?a=1", "http://example.org/?A=1"},
        {"http://example.org/?gclid", "http://example.org/?gclids"},
        {"http://example.org/?utm_x=1&utm=1", "http://example.org/"},
        {"http://fa\xc3\x9f.example/", "http://fass.example/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
        assert_string_not_equal(url_of(different[i][0]), url_of(different[i][1]));
}

static void a_canonical_url_reads_well(void **state)
{
    (void)state;
    assert_string_equal(url_of("HTTPS://User:p%40w@Www.Example.ORG:8443/a%20b/\xc3\xbc?x=\"y\"&utm_id=1#z"),
                        "https://User:p%40w@www.example.org:8443/a%20b/%C3%BC?x=%22y%22");
}

static void a_site_is_the_registrable_domain_of_the_host(void **state)
{
    static const char *const sites[][2] = {
        {"http://example.org/", "example.org"},
        {"http://a.b.Example.CO.UK/", "example.co.uk"},
        {"http://www.b\xc3\xbc" "cher.de/", "xn--bcher-kva.de"},
        {"http://ana.github.io/", "ana.github.io"},
        {"http://github.io/", "github.io"},
        {"http://localhost:8000/", "localhost"},
        {"http://10.1.2.3/", "10.1.2.3"},
        {"http://[::1]/", "[::1]"},
        {"http://db.internal/", "db.internal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
        assert_string_equal(site_of(sites[i][0]), sites[i][1]);
}

static void what_is_no_url_is_told_so(void **state)
{
    char long_url[DESTINATION_URL_BYTES + 100];

    (void)state;
    memset(long_url, 'a', sizeof(long_url) - 1);
    long_url[sizeof(long_url) - 1] = '\0';
    memcpy(long_url, "http://example.org/", 19);
    assert_string_equal(fault_of("ftp://example.org/"), "must begin with http:// or https://");
    assert_string_equal(fault_of("http://./"), "names no host");
    assert_string_equal(fault_of("example.org"), "is not a valid absolute url");
    assert_string_equal(fault_of("http:///example.org"), "is not a valid absolute url");
    assert_string_equal(fault_of(long_url), "is not a valid absolute url");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_makes_no_difference_is_one_destination),
        cmocka_unit_test(what_matters_is_another_destination),
        cmocka_unit_test(a_canonical_url_reads_well),
        cmocka_unit_test(a_site_is_the_registrable_domain_of_the_host),
        cmocka_unit_test(what_is_no_url_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
