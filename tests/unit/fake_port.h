/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fake_port.h - a switch on the bench: fake endpoints, cables between them, and a clock that is moved by hand
 *
 * A lab is one switch under test. Its endpoints are fakes, which remember every byte that they are handed and can be
 * told to refuse. A test sends samples in through one fake and says what each other fake must have heard;
 * what it does not ask about, assert_silent() makes sure of. lab_free() checks both conservation equations, so every
 * test that uses a lab does.
 */
#ifndef VSW_TESTS_FAKE_PORT_H
#define VSW_TESTS_FAKE_PORT_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/datapath.h"
#include "core/switch.h"
#include "gso_frame.h"
#include "util/list.h"

/* Frames one behind the other, each preceded by its length and by what is left to do about it. */
struct wire {
    uint8_t *bytes;
    size_t used;
    size_t room;
    unsigned frames;
};

void wire_put(struct wire *wire, const void *bytes, size_t length);
void wire_put_unfinished(struct wire *wire, const void *bytes, size_t length,
                         const struct offload *offload);
void wire_put_desc(struct wire *wire, const struct tx_desc *desc);
void wire_clear(struct wire *wire);

/* wire_next() - the frame at *AT, which moves on to the next one. Return: NULL at the end. */
const uint8_t *wire_next(const struct wire *wire, size_t *at, uint32_t *length);
const uint8_t *wire_next_unfinished(const struct wire *wire, size_t *at, uint32_t *length,
                                    struct offload *offload);

/* A frame that a test makes up. Longer ones than the switch carries fit as well. */
struct sample {
    uint32_t length;
    uint8_t bytes[FRAME_MAX + 64];
};

enum { EVERYONE = 0xffff }; /* as a station: the broadcast address */

/* mac_of() - the address of station N, 02:00:00:00:NN:NN, written to MAC. Return: MAC. */
const uint8_t *mac_of(unsigned station, uint8_t mac[MAC_BYTES]);

/* sample() - a 60-byte untagged frame with a payload of its own */
struct sample sample(unsigned to, unsigned from);

/* tagged() - SAMPLE with an 802.1Q tag put in front of its EtherType */
struct sample tagged(struct sample sample, uint16_t tci);

/* sized() - SAMPLE cut or stretched to LENGTH bytes */
struct sample sized(struct sample sample, uint32_t length);

/* announcement() - the ARP by which station FROM says that it is here now */
struct sample announcement(unsigned from);

enum { LAB_EVENTS = 256, UNLIMITED = 1 << 30 };

struct lab_event {
    enum event_kind kind;
    const struct port *port;
    const struct port *other;
    uint64_t key; /* of the FDB entry, or 0 */
};

struct lab {
    struct vswitch *sw;
    uint64_t now;
    struct worker *worker;
    struct batch *batch; /* the worker's, filled by lab_put() */
    struct observer observer;
    struct lab_event event[LAB_EVENTS]; /* the first ones */
    unsigned events;
};

struct fake {
    struct endpoint endpoint;
    struct wire sent; /* all that it took, oldest first */
    size_t read;      /* how far the test has looked at it */
    unsigned room;    /* frames that it takes before it says -EAGAIN */
    unsigned at_once; /* most that it takes in one call */
    uint32_t mtu;     /* a frame longer than this is -EMSGSIZE to it */
    int error;        /* if set, what it says to every frame */
    unsigned calls;   /* of tx() */
    bool waiting;     /* has been asked to report that there is room */
};

struct lab *lab_new(void);
struct lab *lab_new_with(const struct switch_config *config);
void lab_free(struct lab *lab);

/* for cmocka's setup and teardown: *STATE is a struct lab */
int lab_setup(void **state);
int lab_teardown(void **state);

/* lab_port() - port NUMBER, created if need be */
struct port *lab_port(struct lab *lab, unsigned number);

/* lab_attach() - a new fake on port NUMBER */
struct fake *lab_attach(struct lab *lab, unsigned number);

/* lab_detach() - ends FAKE, as if someone closed it */
void lab_detach(struct fake *fake);

/* lab_vlans() - makes port NUMBER a member of these VLANs, which are created if need be
 * @tagged: as in 10+20-29, or NULL
 */
void lab_vlans(struct lab *lab, unsigned number, unsigned untagged, const char *tagged);
void lab_transparent(struct lab *lab, unsigned number);

/* lab_put() - adds SAMPLE to the next batch; lab_run() - sends that batch in through FROM */
void lab_put(struct lab *lab, const struct sample *sample);

/* lab_put_unfinished() - the same for a frame with work left to do, or whose tag was taken out on the way */
void lab_put_unfinished(struct lab *lab, const struct unfinished *unfinished);
void lab_run(struct lab *lab, struct fake *from);

/* lab_send() - a batch of one */
void lab_send(struct lab *lab, struct fake *from, struct sample sample);

/* lab_carry() - plays the cable: what FROM has been handed since the test last looked comes in through TO, a batch
 * at most. Return: how many frames that was. */
unsigned lab_carry(struct lab *lab, struct fake *from, struct fake *to);

/* fake_resume() - FAKE takes ROOM more frames, and says so if it was asked to */
void fake_resume(struct fake *fake, unsigned room);

/* lab_count() - how many events of KIND there were; lab_event() - the last of them, which there must be */
unsigned lab_count(const struct lab *lab, enum event_kind kind);
const struct lab_event *lab_event(const struct lab *lab, enum event_kind kind);

/* lab_owner() - the port behind which the switch believes (VID, station) to be, or NULL */
struct port *lab_owner(struct lab *lab, unsigned vid, unsigned station);

/* fake_skip() - the test does not care what FAKE was handed so far */
void fake_skip(struct fake *fake);

/* unread() - how many frames FAKE was handed that the test has not looked at */
unsigned unread(const struct fake *fake);

/* The next frame that FAKE was handed is this one, byte for byte. */
#define assert_heard(fake, sample) check_heard(fake, sample, __FILE__, __LINE__)
void check_heard(struct fake *fake, struct sample sample, const char *file, int line);

/* FAKE was handed nothing that the test has not looked at. */
#define assert_silent(fake) assert_int_equal(unread(fake), 0)

/* Both equations of core/drop.h hold, and the queues hold what the balance says. */
#define assert_conserved(lab) check_conserved(lab, __FILE__, __LINE__)
void check_conserved(const struct lab *lab, const char *file, int line);

#endif
