/*
 * The many-to-many ring: claims, intents, recovery and the reuse of lines. README.md says what is modelled and how.
 *
 * One labelled step is one access to shared memory (or one question to the kernel), and before each a participant may die.
 * What is done in the same atomic block besides is local, or is a ghost: a variable that only assertions and guards of
 * waiting read.
 */

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef PUSHES
#define PUSHES 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
/* How many may return Full, Empty or Pending to their callers and do nothing more, alive. */
#ifndef IDLERS
#define IDLERS 0
#endif
#ifndef BATCH
#define BATCH 1
#endif

#define N 2
#define LINES (PRODUCERS + CONSUMERS)

/*
 * A position names its lap, so a stamp of the model carries the position itself where the ring's carries the lap's first:
 * position, attachment (3 bits), line (2 bits), state (2 bits).
 */
#define SLOT(p) ((p) & 1)
#define FREE(p) ((p) << 7)
#define FULL(p) (((p) << 7) | 1)
#define VOID(p) (((p) << 7) | 2)
#ifdef BREAK_RECLAIM_WITHOUT_ATTACHMENT
#define RECLAIM(p, taker, attachment) (((p) << 7) | ((taker) << 2) | 3)
#else
#define RECLAIM(p, taker, attachment) (((p) << 7) | ((attachment) << 4) | ((taker) << 2) | 3)
#endif
#define POSITION(stamp_) ((stamp_) >> 7)
#define IS_RECLAIM(stamp_, p) (POSITION(stamp_) == (p) && ((stamp_) & 3) == 3)
#define TAKER(stamp_) (((stamp_) >> 2) & 3)

#define RANGE(p, k) (((p) << 2) | (k))
#define FIRST(range) ((range) >> 2)
#define BEHIND(range) (((range) >> 2) + ((range) & 3))
#define HAS(range, p) (FIRST(range) <= (p) && (p) < BEHIND(range))

#define BIT(i) (1 << (i))
#define ALIVE(line) ((alive & BIT(line)) != 0)
#define ELEMENT(p) ((p) + 1)
#define TORN(line) (128 + (line))

/* The segment. */
byte tail;
byte head;
short stamp[N];
byte data[N];
byte pushing[LINES];
byte popping[LINES];
byte taking[LINES];
byte attached[LINES]; /* how often each line has been leased anew */

/* The kernel: which lines are locked. */
byte alive;

/* What may still happen. */
byte crashes = CRASHES;
byte idlers = IDLERS;

/* Ghosts. */
byte producers; /* have something left to push, attached or about to attach */
byte consumers; /* have not finished */
byte limbo;     /* have died and not chosen what to be next */
byte leasing;   /* hold a line's lock and have not announced themselves */
byte published; /* bit sets of positions */
byte delivered;
byte discarded;

#define CLAIMED_BY_PRODUCER(p) (stamp[SLOT(p)] == FREE(p) && (p) < tail)
#define CLAIMED_BY_CONSUMER(p) ((stamp[SLOT(p)] == FULL(p) || stamp[SLOT(p)] == VOID(p)) && (p) < head)
#define RECLAIMED(p) IS_RECLAIM(stamp[SLOT(p)], p)
#define READY(p) (stamp[SLOT(p)] == FULL(p) || stamp[SLOT(p)] == VOID(p))

/* Is p in the word of a living line (or, with `alive ^ ALL`, of a dead one)? */
#define ALL (BIT(LINES) - 1)
#if LINES == 4
#define SOME(lines, word, p)                                                                                           \
    ((((lines) & 1) && HAS(word[0], p)) || (((lines) & 2) && HAS(word[1], p)) || (((lines) & 4) && HAS(word[2], p)) || \
     (((lines) & 8) && HAS(word[3], p)))
#elif LINES == 3
#define SOME(lines, word, p)                                                                                           \
    ((((lines) & 1) && HAS(word[0], p)) || (((lines) & 2) && HAS(word[1], p)) || (((lines) & 4) && HAS(word[2], p)))
#else
#error "three lines or four"
#endif
#define DEAD (alive ^ ALL)
#define OTHERS(line) (alive & (ALL ^ BIT(line)))

/* Only consumers can deliver again what a dead consumer held. */
#ifdef DISCARD
#define MAY_TAKE(consumer) true
#else
#define MAY_TAKE(consumer) (consumer)
#endif

/* An audit finds p: it is in a dead line's words. */
#define HELD_BY_DEAD_CONSUMER(p) (SOME(DEAD, popping, p) || SOME(DEAD, taking, p))
#define NOTICED(p) (SOME(DEAD, pushing, p) || HELD_BY_DEAD_CONSUMER(p))

/* An undisturbed audit would settle p, or have it taken over. */
#define RECOVERABLE(p, consumer)                                                                                       \
    ((CLAIMED_BY_PRODUCER(p) && SOME(DEAD, pushing, p) && !SOME(alive, pushing, p)) ||                                 \
     (HELD_BY_DEAD_CONSUMER(p) &&                                                                                      \
      ((CLAIMED_BY_CONSUMER(p) && !SOME(alive, popping, p) &&                                                          \
        (stamp[SLOT(p)] == VOID(p) || MAY_TAKE(consumer))) ||                                                          \
       (RECLAIMED(p) && !ALIVE(TAKER(stamp[SLOT(p)])) && (consumer)))))

/* An undisturbed newcomer would not have to give the line back on account of p. */
#define SETTLEABLE(p, line, consumer)                                                                                  \
    (!(CLAIMED_BY_PRODUCER(p) && HAS(pushing[line], p) && SOME(OTHERS(line), pushing, p)) &&                           \
     !((HAS(popping[line], p) || HAS(taking[line], p)) &&                                                              \
       ((CLAIMED_BY_CONSUMER(p) &&                                                                                     \
         (SOME(OTHERS(line), popping, p) || (stamp[SLOT(p)] == FULL(p) && !MAY_TAKE(consumer)))) ||                    \
        (!(consumer) && RECLAIMED(p) && !ALIVE(TAKER(stamp[SLOT(p)]))))))
#define LEASABLE(line, consumer)                                                                                       \
    (SETTLEABLE(POSITION(stamp[0]), line, consumer) && SETTLEABLE(POSITION(stamp[1]), line, consumer))

/* What a random pause before the next attempt does, sooner or later. */
#define TRIES_ALONE (leasing == 0)

#define EVERYTHING_SETTLED                                                                                             \
    (producers == 0 && limbo == 0 && head == tail && stamp[SLOT(head)] == FREE(head) &&                                \
     stamp[SLOT(head + 1)] == FREE(head + 1))

/* Death, in the middle of whatever it is. The lock falls with it. */
#define DIES                                                                                                           \
    atomic {                                                                                                           \
        crashes > 0 -> crashes--;                                                                                      \
        alive = alive & (ALL ^ BIT(me));                                                                               \
        leasing = leasing - (0 < mode && mode < 5);                                                                               \
        limbo++;                                                                                                       \
        goto died                                                                                                      \
    }
#define STEP(access)                                                                                                   \
    if                                                                                                                 \
    :: atomic { access }                                                                                               \
    :: DIES                                                                                                            \
    fi
#define STEP_IF(condition, then, otherwise)                                                                            \
    if                                                                                                                 \
    :: atomic { (condition) -> then }                                                                                  \
    :: atomic { !(condition) -> otherwise }                                                                            \
    :: DIES                                                                                                            \
    fi

#define NEXT_LINE                                                                                                      \
    l++;                                                                                                               \
    if                                                                                                                 \
    :: l == me -> l++                                                                                                  \
    :: else                                                                                                            \
    fi
#define FORGET                                                                                                         \
    pos = 0;                                                                                                           \
    s = 0;                                                                                                             \
    p = 0;                                                                                                             \
    l = 0;                                                                                                             \
    w = 0;                                                                                                             \
    k = 0

/* From the claim on the slot is the claimer's own; everything that it does there before it lets go is one thing to all others. */
#if BATCH == 2
#define BEGIN_WRITING                                                                                                  \
    data[SLOT(pos)] = TORN(me);                                                                                        \
    if                                                                                                                 \
    :: k == 2 -> data[SLOT(pos + 1)] = TORN(me)                                                                        \
    :: else                                                                                                            \
    fi
#define BEGIN_READING                                                                                                  \
    assert((s & 1) || data[SLOT(pos)] == ELEMENT(pos));                                                                \
    assert(k == 1 || (s & 2) || data[SLOT(pos + 1)] == ELEMENT(pos + 1))
#else
#define BEGIN_WRITING data[SLOT(pos)] = TORN(me)
#define BEGIN_READING assert((s & 1) || data[SLOT(pos)] == ELEMENT(pos))
#endif

/* A message that was taken over has been the taker's own since then. */
#define FREE_TAKEN                                                                                                     \
    assert(stamp[SLOT(p)] == RECLAIM(p, me, attachment) && data[SLOT(p)] == ELEMENT(p));                               \
    assert((published & BIT(p)) && !(delivered & BIT(p)) && !(discarded & BIT(p)));                                    \
    delivered = delivered | BIT(p);                                                                                    \
    stamp[SLOT(p)] = FREE(p + N)

proctype participant(byte me; bit consumer; byte quota) {
    byte pos, p, l, w, k;
    short s;
    byte attachment;
    byte mode;     /* 0 at work; settling what the line's former holder has in 1 pushing, 2 popping, 3 taking; 4 all looked at;
                      delivering its messages in 5 popping, 6 taking */
    bit tried;     /* this operation has looked for something to recover without being sure to find it */
    bit dirty;     /* a claim has been lost and its intent still stands */
    bit refused;   /* a living participant may hold what the former holder may have held, or there are messages for no producer */
    bit inherited; /* has adopted a message */
    bit again;     /* has given a line back */

begin:
    atomic {
        FORGET;
        if
        :: consumer -> goto pop
        :: else -> goto push
        fi
    }

    /* ---- push */
push:
    if
    :: atomic { quota == 0 -> producers--; goto finished }
    :: atomic { quota > 0 -> pos = tail }
    :: DIES
    fi;
push_at:
    STEP_IF(stamp[SLOT(pos)] == FREE(pos), k = 1, goto not_free);
#if BATCH == 2
    STEP_IF(quota > 1 && stamp[SLOT(pos + 1)] == FREE(pos + 1), k = 2, skip);
#endif
#ifdef BREAK_PUSHING_AFTER_CLAIM
    STEP_IF(tail == pos, tail = pos + k; p = pos; BEGIN_WRITING, pos = tail; k = 0; goto push_at);
    STEP(pushing[me] = RANGE(pos, k));
#else
    STEP(pushing[me] = RANGE(pos, k); dirty = 1);
    STEP_IF(tail == pos, tail = pos + k; p = pos; dirty = 0; BEGIN_WRITING, pos = tail; k = 0; goto push_at);
#endif
write:
#ifdef BREAK_PUBLISHED_BEFORE_WRITTEN
    STEP(stamp[SLOT(p)] = FULL(p); published = published | BIT(p));
#endif
    if
    :: atomic {
           assert(data[SLOT(p)] == TORN(me));
           data[SLOT(p)] = ELEMENT(p);
#ifndef BREAK_PUBLISHED_BEFORE_WRITTEN
           assert(stamp[SLOT(p)] == FREE(p));
           stamp[SLOT(p)] = FULL(p);
           published = published | BIT(p);
#endif
           quota--;
           p++;
           if
           :: p < pos + k -> goto write
           :: else -> FORGET; tried = 0; goto push
           fi
       }
    :: DIES
    fi;

not_free:
#ifndef BREAK_GIVING_UP_KEEPS_INTENT
    if
    :: dirty -> STEP(pushing[me] = 0; dirty = 0)
    :: else
    fi;
#endif
    STEP(pos = tail);
    /* Full has to be true when it is said. */
    STEP(assert(head + N != pos || tail == pos); FORGET; goto blocked);

    /* ---- pop */
pop:
    STEP(pos = head);
pop_at:
#if BATCH == 2
    STEP_IF(READY(pos), k = 1; s = (stamp[SLOT(pos)] == VOID(pos)), goto not_full);
    STEP_IF(READY(pos + 1), k = 2; s = s | ((stamp[SLOT(pos + 1)] == VOID(pos + 1)) << 1), skip);
    atomic {
        if
        :: s + 1 == BIT(k) -> s = 0; k = 0; goto not_full
        :: else
        fi
    }
#else
    STEP_IF(stamp[SLOT(pos)] == FULL(pos), k = 1; s = 0, goto not_full);
#endif
#ifdef BREAK_POPPING_AFTER_CLAIM
    STEP_IF(head == pos, head = pos + k; p = pos; BEGIN_READING, pos = head; k = 0; s = 0; goto pop_at);
    STEP(popping[me] = RANGE(pos, k));
#else
    STEP(popping[me] = RANGE(pos, k); dirty = 1);
    STEP_IF(head == pos, head = pos + k; p = pos; dirty = 0; BEGIN_READING, pos = head; k = 0; s = 0; goto pop_at);
#endif
read:
    if
    :: atomic {
           if
           :: s & 1 -> assert(stamp[SLOT(p)] == VOID(p))
           :: else ->
              assert(data[SLOT(p)] == ELEMENT(p));
              assert(stamp[SLOT(p)] == FULL(p));
              assert(!(delivered & BIT(p)) && !(discarded & BIT(p)));
              delivered = delivered | BIT(p)
           fi;
           stamp[SLOT(p)] = FREE(p + N);
           s = s >> 1;
           p++;
           if
           :: p < pos + k -> goto read
           :: else -> FORGET; tried = 0; goto pop
           fi
       }
    :: DIES
    fi;

not_full:
    if
    :: dirty ->
give_up:
#ifndef BREAK_GIVING_UP_KEEPS_INTENT
       STEP(popping[me] = 0; dirty = 0)
#else
       skip
#endif
    :: else
    fi;
    STEP(pos = head);
    /* Empty has to be true when it is said. */
    STEP_IF(tail == pos, assert(head == tail); FORGET; goto blocked, skip);
    if
    :: atomic { stamp[SLOT(pos)] == VOID(pos) -> k = 1; s = 1 }
    :: atomic { stamp[SLOT(pos)] == FULL(pos) -> goto pop }
    :: atomic { !READY(pos) -> FORGET; goto blocked }
    :: DIES
    fi;
    /* What will never come is claimed like anything else, and freed. */
    STEP(popping[me] = RANGE(pos, 1); dirty = 1);
    STEP_IF(head == pos, head = pos + 1; p = pos; dirty = 0; goto read, FORGET; goto give_up);

    /* ---- Waits until another look, or an attempt at recovery, would lead somewhere; or tries one that need not. */
blocked:
    if
    :: atomic { !consumer && stamp[SLOT(tail)] == FREE(tail) -> goto push }
    :: atomic { consumer && READY(head) -> goto pop }
    :: atomic {
           consumer && EVERYTHING_SETTLED ->
           assert((published & ~(delivered | discarded)) == 0);
#ifndef DISCARD
           assert(discarded == 0);
#endif
           consumers--;
           goto finished
       }
    :: atomic { idlers > 0 && !consumer -> idlers--; producers--; goto finished }
    :: atomic { idlers > 0 && consumer && consumers > 1 -> idlers--; consumers--; goto finished }
    :: atomic {
           NOTICED(POSITION(stamp[0])) && (!tried || RECOVERABLE(POSITION(stamp[0]), consumer)) ->
           p = POSITION(stamp[0]);
           tried = 1
       }
    :: atomic {
           NOTICED(POSITION(stamp[1])) && (!tried || RECOVERABLE(POSITION(stamp[1]), consumer)) ->
           p = POSITION(stamp[1]);
           tried = 1
       }
    :: DIES
    fi;

    /* ---- recovery of p; also how a newcomer settles p (mode > 0). That p is claimed stays true: it may be asked in the same step. */
#ifdef BREAK_UNCLAIMED_IS_RECOVERED
#define CLAIMED(end) true
#else
#define CLAIMED(end) (p < (end))
#endif
recover:
    if
    :: atomic {
           s = stamp[SLOT(p)];
           if
           :: s == FREE(p) && CLAIMED(tail) && mode < 2 -> skip
           :: (s == FULL(p) || s == VOID(p)) && CLAIMED(head) && mode != 1 -> skip
           :: IS_RECLAIM(s, p) && mode != 1 -> goto recover_reclaimed
           :: else -> goto settled
           fi
       }
    :: DIES
    fi;
    atomic {
        l = 0;
        if
        :: me == 0 -> l = 1
        :: else
        fi;
#ifdef BREAK_RECOVERY_ASKS_NOBODY
        if
        :: mode == 0 -> l = LINES
        :: else
        fi;
#endif
#ifdef BREAK_NEWCOMER_ASKS_NOBODY
        if
        :: mode > 0 -> l = LINES
        :: else
        fi;
#endif
    }
ask:
    if
    :: atomic { l >= LINES -> goto recover_claimed }
    :: atomic {
           l < LINES ->
           if
           :: HAS((s == FREE(p) -> pushing[l] : popping[l]), p)
           :: else -> NEXT_LINE; goto ask
           fi
       }
    :: DIES
    fi;
    STEP_IF(ALIVE(l), goto not_yet, NEXT_LINE; goto ask);

recover_claimed:
    if
#ifdef BREAK_POLICIES_MIXED
    :: atomic {
           s == FULL(p) && !consumer ->
           if
           :: stamp[SLOT(p)] == s -> stamp[SLOT(p)] = FREE(p + N); discarded = discarded | BIT(p)
           :: else
           fi;
           goto settled
       }
#else
    :: atomic { s == FULL(p) && !MAY_TAKE(consumer) -> goto not_yet }
#endif
    :: atomic {
           s == FREE(p) ->
           if
           :: stamp[SLOT(p)] == s -> stamp[SLOT(p)] = VOID(p)
           :: else
           fi;
           goto settled
       }
    :: atomic {
           s == VOID(p) ->
#ifdef BREAK_CLAIMED_VOID_STAYS
           goto not_yet;
#endif
           if
           :: stamp[SLOT(p)] == s -> stamp[SLOT(p)] = FREE(p + N)
           :: else
           fi;
           goto settled
       }
#ifdef DISCARD
    :: atomic {
           s == FULL(p) ->
           if
           :: stamp[SLOT(p)] == s ->
              stamp[SLOT(p)] = FREE(p + N);
              assert((published & BIT(p)) && !(delivered & BIT(p)) && !(discarded & BIT(p)));
              discarded = discarded | BIT(p)
           :: else
           fi;
           goto settled
       }
#else
    :: atomic { s == FULL(p) && consumer && mode > 0 -> goto take }
#ifdef BREAK_TAKING_IS_NOT_SAID
    :: atomic { s == FULL(p) && consumer && mode == 0 -> goto take }
#else
    :: atomic { s == FULL(p) && consumer && mode == 0 -> taking[me] = RANGE(p, 1); goto take }
#endif
#endif
    :: DIES
    fi;

recover_reclaimed:
#ifdef DISCARD
    assert(false);
#endif
    if
    :: atomic {
           l = 0;
           if
           :: mode > 0 && TAKER(s) == me -> skip
#ifdef BREAK_RECLAIM_NAMES_NOBODY
           :: mode == 0 -> goto not_yet
           :: mode > 0 && TAKER(s) != me -> goto settled
#else
           :: !(mode > 0 && TAKER(s) == me) && ALIVE(TAKER(s)) -> goto settled
           :: !(mode > 0 && TAKER(s) == me) && !ALIVE(TAKER(s)) -> skip
#endif
           fi;
           if
           :: consumer && mode > 0 -> goto take
           :: consumer && mode == 0 -> skip
           :: !consumer -> goto not_yet
           fi
       }
    :: DIES
    fi;
#ifndef BREAK_TAKING_IS_NOT_SAID
    STEP(taking[me] = RANGE(p, 1));
#endif
take:
    if
    :: atomic {
           stamp[SLOT(p)] == s ->
           assert(data[SLOT(p)] == ELEMENT(p));
           stamp[SLOT(p)] = RECLAIM(p, me, attachment);
           if
           :: mode > 0 -> inherited = 1; goto settled
           :: else
           fi
       }
    :: atomic {
           stamp[SLOT(p)] != s ->
           if
           :: mode > 0 -> goto settled
           :: else -> goto done_taking
           fi
       }
    :: DIES
    fi;
    STEP(FREE_TAKEN);
done_taking:
    STEP(taking[me] = 0; goto begin);

not_yet:
    atomic { refused = (mode > 0) }
settled:
    atomic {
        if
        :: mode == 0 -> goto begin
        :: mode > 0 && p + 1 < pos -> p++; s = 0; l = 0; w = 0; goto recover
        :: mode > 0 && p + 1 >= pos -> FORGET; mode++; goto lease_next
        fi
    }

    /* ---- a newcomer takes a dead one's place */
died:
    atomic {
        FORGET;
        mode = 0;
        tried = 0;
        dirty = 0;
        refused = 0;
        inherited = 0;
        again = 0;
        me = 0;
        attachment = 0;
        limbo--;
        if
        :: consumer -> consumers--
        :: else -> producers--
        fi;
        if
#ifdef ROLES_CHANGE
        :: consumer && consumers > 0 -> consumer = 0; quota = 1; producers++
        :: !consumer -> consumer = 1; quota = 0; consumers++
#endif
        :: consumer -> consumers++
        :: !consumer -> quota = 1; producers++
        fi
    }
lease:
    /* After a refusal it tries again alone, and where that leads somewhere. */
    atomic {
        if
        :: !ALIVE(0) && (!again || (TRIES_ALONE && LEASABLE(0, consumer))) -> me = 0
        :: !ALIVE(1) && (!again || (TRIES_ALONE && LEASABLE(1, consumer))) -> me = 1
        :: !ALIVE(2) && (!again || (TRIES_ALONE && LEASABLE(2, consumer))) -> me = 2
#if LINES == 4
        :: !ALIVE(3) && (!again || (TRIES_ALONE && LEASABLE(3, consumer))) -> me = 3
#endif
        fi;
        alive = alive | BIT(me);
        leasing++;
        mode = 1
    }
#ifdef BREAK_COUNTED_WHEN_ANNOUNCED
    STEP(attachment = attached[me] + 1);
#else
    /* Each lease is counted before anything is adopted, also one that comes to nothing. */
    STEP(attached[me]++; attachment = attached[me]; assert(attachment < 8));
#endif
#ifdef BREAK_LINE_NOT_SETTLED
    atomic { mode = 4 }
#endif
lease_next:
    if
    :: atomic { mode == 1 -> w = pushing[me] }
    :: atomic { mode == 2 -> w = popping[me] }
    :: atomic { mode == 3 -> w = taking[me] }
    :: atomic {
           mode == 4 && refused ->
           alive = alive & (ALL ^ BIT(me));
           leasing--;
           mode = 0;
           refused = 0;
           inherited = 0;
           attachment = 0;
           again = 1;
           goto lease
       }
    :: atomic { mode == 4 && !refused -> pushing[me] = 0; goto lease_clear }
    :: DIES
    fi;
    atomic {
        p = FIRST(w);
        pos = BEHIND(w);
        w = 0;
        if
        :: p == pos -> FORGET; mode++; goto lease_next
        :: else -> goto recover
        fi
    }
lease_clear:
    if
    :: !inherited -> STEP(popping[me] = 0); STEP(taking[me] = 0)
    :: else
    fi;
    if
    :: atomic {
#ifdef BREAK_COUNTED_WHEN_ANNOUNCED
           attached[me] = attachment;
#endif
           leasing--;
           again = 0;
           if
           :: inherited -> inherited = 0; mode = 5
           :: else -> mode = 0; goto begin
           fi
       }
    :: DIES
    fi;

    /* ---- attached: first it delivers what it has adopted. Nobody else writes its words, so reading them is no step. */
inherit:
    atomic {
        if
        :: mode == 5 -> w = popping[me]
        :: mode == 6 -> w = taking[me]
        :: mode == 7 -> goto all_inherited
        fi;
        p = FIRST(w);
        pos = BEHIND(w);
        w = 0
    }
inherit_next:
    atomic {
        if
        :: p == pos -> FORGET; mode++; goto inherit
        :: else
        fi
    }
    STEP_IF(stamp[SLOT(p)] == RECLAIM(p, me, attachment), skip, p++; goto inherit_next);
    STEP(FREE_TAKEN; p++; goto inherit_next);
all_inherited:
    STEP(popping[me] = 0);
    STEP(taking[me] = 0; mode = 0; goto begin);

finished:
    skip
}

init {
    atomic {
        stamp[1] = FREE(1);
        alive = ALL;
        producers = PRODUCERS;
        consumers = CONSUMERS;
        run participant(0, 0, PUSHES);
#if PRODUCERS == 2
        run participant(1, 0, PUSHES);
#endif
        run participant(PRODUCERS, 1, 0);
#if CONSUMERS == 2
        run participant(PRODUCERS + 1, 1, 0);
#endif
    }
}
