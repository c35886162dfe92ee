/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_vde_request.c - any bytes that a client may send on ctl, in pieces
 */
#include "ports/vde/request.h"
#include "util/text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vde_request request;
    struct error err;
    char shown[64];
    int status = -EAGAIN;

    if (size > VDE_REQUEST_MAX)
        size = VDE_REQUEST_MAX;
    /* A decision must not change when more bytes arrive, nor a refusal be revoked. */
    for (size_t length = 0; length <= size && status == -EAGAIN; length++)
        status = vde_request_parse(data, length, &request, &err);
    if (status == -EAGAIN) {
        assert(size < 124);
        return 0;
    }
    assert(status == 0 || (status == -EPROTO && *err.text));
    assert((vde_request_parse(data, size, &request, &err) == 0) == (status == 0));
    if (status == 0 && request.description_length > 0) {
        assert(request.description + request.description_length == data + size);
        text_escape(shown, sizeof(shown), request.description, request.description_length);
        for (const char *at = shown; *at; at++)
            assert(*at >= 0x20 && *at < 0x7f);
    }
    return 0;
}
