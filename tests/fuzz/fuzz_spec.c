/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_spec.c - any text after --port
 */
#include "ports/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be written, and what is written is read as the same. */
static void prints_the_same(const struct port_spec *spec)
{
    char text[SPEC_TEXT], again[SPEC_TEXT];
    struct port_spec other;
    struct error err = {.text = ""};

    spec_text(spec, text);
    assert(spec_parse(text, port_types, &other, &err) == 0);
    assert(other.type == spec->type && other.port == spec->port);
    assert(port_config_equal(&other.config, &spec->config));
    for (const struct port_key *key = spec->type->keys; key->name; key++) {
        const char *before = spec_value(spec, key->name), *after = spec_value(&other, key->name);

        assert(before && !(key->standard && !strcmp(before, key->standard))
                   ? after && !strcmp(before, after)
                   : !after);
    }
    spec_text(&other, again);
    assert(!strcmp(text, again));
    spec_clear(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct port_spec spec;
    struct error err = {.text = ""};

    if (spec_parse(text, port_types, &spec, &err) < 0) {
        assert(*err.text);
    } else {
        assert(spec.type && spec.port >= PORT_ANY && spec.port <= PORT_NUMBER_MAX);
        assert(!*spec.config.name || spec_check_name(spec.config.name, &err) == 0);
        assert(spec.config.membership.untagged <= VID_NONE);
        for (unsigned i = 0; i < spec.pairs; i++)
            assert(spec_value(&spec, spec.pair[i].key) == spec.pair[i].value);
        prints_the_same(&spec);
        spec_clear(&spec);
    }
    free(text);
    return 0;
}
