/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_address.c - any text as an address; an accepted address is formatted as text with the same
 * meaning
 */
#include "ports/listen/address.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const char *text, bool any)
{
    struct address address, again;
    struct error err = {.text = ""};
    char shown[ADDRESS_TEXT];

    if (address_read("local", text, any, &address, &err) < 0) {
        assert(!strncmp(err.text, "local=", 6));
        return;
    }
    assert(address.length <= sizeof(address.storage) && address_equal(&address, &address));
    address_text(&address, shown);
    assert(strlen(shown) < ADDRESS_TEXT && strcmp(shown, "?"));
    for (const char *at = shown; *at; at++)
        assert(*at >= 0x20 && *at < 0x7f);
    if (!address_is_path(&address))
        assert(address_read("local", shown, any, &again, &err) == 0 &&
               address_equal(&address, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    try(text, false);
    try(text, true);
    free(text);
    return 0;
}
