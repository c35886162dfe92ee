/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fake_port.h - a switch under test: fake endpoints, cables between them, and a clock that tests
 * set
 *
 * A lab is one switch under test. Its endpoints are fakes, which record every frame sent to them
 * and can be told to refuse. A test sends samples in through one fake and states what each other
 * fake must have received; assert_silent() checks that a fake received nothing else. lab_free()
 * checks both equations of core/drop.h, so every test that uses a lab does.
 */
#ifndef VSW_TESTS_FAKE_PORT_H
#define VSW_TESTS_FAKE_PORT_H

/* cmocka.h requires these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/datapath.h"
#include "core/switch.h"
#include "gso_frame.h"
#include "util/list.h"

/* A sequence of frames, each preceded by its length and offload metadata. */
struct wire {
    uint8_t *bytes;
    size_t used;
    size_t room;
    unsigned frames;
};

/* wire_put*() - append a frame; wire_clear() - frees the memory */
void wire_put(struct wire *wire, const void *bytes, size_t length);
void wire_put_offload(struct wire *wire, const void *bytes, size_t length,
                      const struct offload *offload);
void wire_put_desc(struct wire *wire, const struct tx_desc *desc);
void wire_clear(struct wire *wire);

/* wire_next*() - the frame at *AT, which is advanced to the next one. Return: NULL at the end. */
const uint8_t *wire_next(const struct wire *wire, size_t *at, uint32_t *length);
const uint8_t *wire_next_offload(const struct wire *wire, size_t *at, uint32_t *length,
                                 struct offload *offload);

/* A frame for tests. It may be longer than frames that the switch carries. */
struct sample {
    uint32_t length;
    uint8_t bytes[FRAME_MAX + 64];
};

enum { EVERYONE = 0xffff }; /* as a station number: the broadcast address */

/* mac_of() - the address of station N, 02:00:00:00:NN:NN, written to MAC. Return: MAC. */
const uint8_t *mac_of(unsigned station, uint8_t mac[MAC_BYTES]);

/* sample() - a 60-byte untagged frame whose payload depends on both stations */
struct sample sample(unsigned to, unsigned from);

/* tagged() - SAMPLE with an 802.1Q tag inserted before its EtherType */
struct sample tagged(struct sample sample, uint16_t tci);

/* sized() - SAMPLE truncated or extended to LENGTH bytes */
struct sample sized(struct sample sample, uint32_t length);

/* announcement() - the gratuitous ARP that announces station FROM */
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
    struct wire sent; /* all frames that it accepted, oldest first */
    size_t read;      /* how far the test has read them */
    unsigned room;    /* frames that it accepts before it returns -EAGAIN */
    unsigned at_once; /* most that it accepts in one call */
    uint32_t mtu;     /* it returns -EMSGSIZE for longer frames */
    int error;        /* if set, what it returns for every frame */
    unsigned calls;   /* of tx() */
    bool waiting;     /* wait_writable() was called */
    bool holds;       /* a part of a frame that it took: flush() returns -EAGAIN */
};

struct lab *lab_new(void);
struct lab *lab_new_with(const struct switch_config *config);
void lab_free(struct lab *lab);

/* for cmocka's setup and teardown: *STATE is a struct lab */
int lab_setup(void **state);
int lab_teardown(void **state);

/* lab_port() - port NUMBER, created if necessary */
struct port *lab_port(struct lab *lab, unsigned number);

/* lab_attach() - a new fake on port NUMBER */
struct fake *lab_attach(struct lab *lab, unsigned number);

/* lab_detach() - closes FAKE, as a user would */
void lab_detach(struct fake *fake);

/* lab_set_membership() - the VLANs of port NUMBER, and nothing else. Return: as port_configure(). */
int lab_set_membership(struct lab *lab, unsigned number, const struct membership *membership);

/* lab_vlans() - makes port NUMBER a member of these VLANs, which are created if necessary
 * @tagged: as in 10+20-29, or NULL
 */
void lab_vlans(struct lab *lab, unsigned number, unsigned untagged, const char *tagged);
void lab_transparent(struct lab *lab, unsigned number);

/* lab_put() - adds SAMPLE to the next batch; lab_run() - sends that batch in through FROM */
void lab_put(struct lab *lab, const struct sample *sample);

/* lab_put_offload() - the same for a frame that needs offload, or whose tag was stripped */
void lab_put_offload(struct lab *lab, const struct offload_frame *made);
void lab_run(struct lab *lab, struct fake *from);

/* lab_send() - a batch of one */
void lab_send(struct lab *lab, struct fake *from, struct sample sample);

/* lab_carry() - acts as a cable: sends the frames that FROM received since the test last read them
 * in through TO, at most one batch. Return: the number of frames. */
unsigned lab_carry(struct lab *lab, struct fake *from, struct fake *to);

/* fake_resume() - lets FAKE accept ROOM more frames, and reports that if wait_writable() asked for
 * it */
void fake_resume(struct fake *fake, unsigned room);

/* lab_count() - the number of events of KIND; lab_event() - the last of them, which must exist */
unsigned lab_count(const struct lab *lab, enum event_kind kind);
const struct lab_event *lab_event(const struct lab *lab, enum event_kind kind);

/* lab_owner() - the port behind which the switch has learned (VID, station), or NULL */
struct port *lab_owner(struct lab *lab, unsigned vid, unsigned station);

/* fake_skip() - marks all frames that FAKE received as read */
void fake_skip(struct fake *fake);

/* unread() - the number of frames that FAKE received and the test has not read */
unsigned unread(const struct fake *fake);

/* assert_heard() - the next frame that FAKE received is SAMPLE, byte for byte */
#define assert_heard(fake, sample) check_heard(fake, sample, __FILE__, __LINE__)
void check_heard(struct fake *fake, struct sample sample, const char *file, int line);

/* assert_silent() - FAKE has received nothing that the test has not read */
#define assert_silent(fake) assert_int_equal(unread(fake), 0)

/* assert_conserved() - both equations of core/drop.h hold, and the queues hold what the balance
 * says */
#define assert_conserved(lab) check_conserved(lab, __FILE__, __LINE__)
void check_conserved(const struct lab *lab, const char *file, int line);

#endif
