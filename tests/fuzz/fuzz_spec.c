/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_spec.c - any text after --port
 */
#include "ports/port_type.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        spec_clear(&spec);
    }
    free(text);
    return 0;
}
