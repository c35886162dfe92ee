/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * list.h - intrusive circular doubly linked lists
 *
 * A list head and an element's link have the same type; an unlinked node points to itself.
 * Nothing here allocates, so a list can be changed where allocation must not fail.
 */
#ifndef VSW_UTIL_LIST_H
#define VSW_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/* container_of() - the structure of TYPE whose MEMBER is at PTR */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define list_for_each(pos, head)                                                                   \
    for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_backward(pos, head)                                                          \
    for (struct list *pos = (head)->prev; pos != (head); pos = pos->prev)

/* As list_for_each(), but the body may unlink or free POS. */
#define list_for_each_safe(pos, head)                                                              \
    for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);                  \
         pos = pos##_next, pos##_next = pos->next)

static inline void list_init(struct list *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* list_append() - links NODE, which must be unlinked, at the tail of HEAD */
static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* list_remove() - unlinks NODE; no effect if it is not linked */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
