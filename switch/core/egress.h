/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * egress.h - from the frames of a batch to what an endpoint sends
 *
 * For each endpoint, frames are laid out with the tag that its port wants, completed in software
 * where it lacks the capability (offload.h), then sent, or queued while it has no room.
 */
#ifndef VSW_CORE_EGRESS_H
#define VSW_CORE_EGRESS_H

#include "core/port.h"

/* egress_port() - sends the frames of BATCH that LIST holds, in order, to every endpoint of LIST's
 * port; counts what is delivered, queued and dropped */
void egress_port(struct worker *worker, const struct batch *batch, const struct egress_list *list);

/* egress_drop() - drops the frames of LIST for REASON */
void egress_drop(struct worker *worker, const struct batch *batch, const struct egress_list *list,
                 enum drop_reason reason);

/* egress_drop_frame() - drops one frame on its way out of PORT for REASON */
void egress_drop_frame(struct worker *worker, struct port *port, const struct frame *frame,
                       enum drop_reason reason);

/* endpoint_writable() - sends what is queued, now that there is room; called by the owner after
 * wait_writable()
 * Return: whether more is queued that the endpoint might take at once: an owner that will not be
 * woken for it must call again. */
bool endpoint_writable(struct endpoint *endpoint);

#endif
