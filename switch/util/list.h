/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * list.h - circular doubly linked lists whose links live inside their elements
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

/* The structure of TYPE that holds MEMBER at address PTR. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define list_for_each(pos, head)                                                                   \
    for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_backward(pos, head)                                                          \
    for (struct list *pos = (head)->prev; pos != (head); pos = pos->prev)

/* The same as list_for_each(), when the body may unlink or free POS. */
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

/* Puts NODE, which must be unlinked, at the end of HEAD. */
static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Takes NODE out of its list; an unlinked node stays as it is. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
