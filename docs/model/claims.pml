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

/* A position names its lap, so a stamp of the model carries the position itself where the ring's carries the lap's first. */
#define SLOT(p) ((p) & 1)
#define FREE(p) ((p) << 3)
#define FULL(p) (((p) << 3) | 1)
#define VOID(p) (((p) << 3) | 2)
#define RECLAIM(p, taker) (((p) << 3) | (3 + (taker)))
#define POSITION(stamp_) ((stamp_) >> 3)
#define KIND(stamp_) ((stamp_) & 7)
#define TAKER(stamp_) (KIND(stamp_) - 3)

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
byte stamp[N];
byte data[N];
byte pushing[LINES];
byte popping[LINES];
byte taking[LINES];

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
#define RECLAIMED(p) (POSITION(stamp[SLOT(p)]) == (p) && KIND(stamp[SLOT(p)]) >= 3)
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

/* p is in a dead line's words, or it is what an operation stands at. */
#define NOTICED(p, consumer)                                                                                           \
    (SOME(DEAD, pushing, p) || SOME(DEAD, popping, p) || SOME(DEAD, taking, p) ||                                      \
     ((consumer) && (p) == head && (p) < tail) || (!(consumer) && (p) + N == tail && (p) < head))

/* An undisturbed attempt at recovery would settle p. */
#define RECOVERABLE(p, consumer)                                                                                       \
    ((CLAIMED_BY_PRODUCER(p) && !SOME(alive, pushing, p)) ||                                                           \
     (CLAIMED_BY_CONSUMER(p) && !SOME(alive, popping, p) &&                                                            \
      (stamp[SLOT(p)] == VOID(p) || MAY_TAKE(consumer))) ||                                                            \
     (RECLAIMED(p) && !ALIVE(TAKER(stamp[SLOT(p)])) && (consumer)))

/* An undisturbed newcomer would not have to give the line back on account of p. */
#define SETTLEABLE(p, line, consumer)                                                                                  \
    (!(CLAIMED_BY_PRODUCER(p) && HAS(pushing[line], p) && SOME(OTHERS(line), pushing, p)) &&                           \
     !(CLAIMED_BY_CONSUMER(p) && HAS(popping[line], p) &&                                                              \
       (SOME(OTHERS(line), popping, p) || (stamp[SLOT(p)] == FULL(p) && !MAY_TAKE(consumer)))) &&                      \
     !(!(consumer) && stamp[SLOT(p)] == RECLAIM(p, line)))
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
        leasing = leasing - (mode > 0);                                                                                \
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

proctype participant(byte me; bit consumer; byte quota) {
    byte pos, s, p, l, w, k;
    byte mode;  /* 0 at work; settling as a newcomer: 1 what pushing names, 2 popping, 3 taking; 4 clearing */
    bit tried;  /* this operation has looked for something to recover without being sure to find it */
    bit dirty;  /* a claim has been lost and its intent still stands */
    bit again;  /* has given a line back */

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
    STEP_IF(stamp[SLOT(pos)] == FREE(pos), k = 1, goto not_free);
#if BATCH == 2
    STEP_IF(quota > 1 && stamp[SLOT(pos + 1)] == FREE(pos + 1), k = 2, skip);
#endif
#ifdef BREAK_PUSHING_AFTER_CLAIM
    STEP_IF(tail == pos, tail = pos + k; p = pos; BEGIN_WRITING, goto push);
    STEP(pushing[me] = RANGE(pos, k));
#else
    STEP(pushing[me] = RANGE(pos, k); dirty = 1);
    STEP_IF(tail == pos, tail = pos + k; p = pos; BEGIN_WRITING, goto push);
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
           :: else -> FORGET; dirty = 0; tried = 0; goto push
           fi
       }
    :: DIES
    fi;

not_free:
    STEP_IF(tail != pos, goto push, skip);
    if
    :: atomic {
           /* Full has to be true when it is said; otherwise the answer is Pending. */
           assert(!(head + N <= pos) || tail == pos);
           FORGET;
#ifdef BREAK_GIVING_UP_KEEPS_INTENT
           goto blocked
#else
           if
           :: !dirty -> goto blocked
           :: else
           fi
#endif
       }
    :: DIES
    fi;
    STEP(pushing[me] = 0; dirty = 0);
    goto blocked;

    /* ---- pop */
pop:
    STEP(pos = head);
    STEP_IF(READY(pos), k = 1; s = (stamp[SLOT(pos)] == VOID(pos)), goto not_ready);
#if BATCH == 2
    STEP_IF(READY(pos + 1), k = 2; s = s | ((stamp[SLOT(pos + 1)] == VOID(pos + 1)) << 1), skip);
#endif
#ifdef BREAK_POPPING_AFTER_CLAIM
    STEP_IF(head == pos, head = pos + k; p = pos; BEGIN_READING, goto pop);
    STEP(popping[me] = RANGE(pos, k));
#else
    STEP(popping[me] = RANGE(pos, k); dirty = 1);
    STEP_IF(head == pos, head = pos + k; p = pos; dirty = 0; BEGIN_READING, goto pop);
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

not_ready:
    STEP_IF(head != pos, goto pop, skip);
    if
    :: atomic {
           /* Empty has to be true when it is said; otherwise the answer is Pending. */
           assert(!(tail <= pos) || head == tail);
           FORGET;
#ifdef BREAK_GIVING_UP_KEEPS_INTENT
           goto blocked
#else
           if
           :: !dirty -> goto blocked
           :: else
           fi
#endif
       }
    :: DIES
    fi;
    STEP(popping[me] = 0; dirty = 0);

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
           NOTICED(POSITION(stamp[0]), consumer) && (!tried || RECOVERABLE(POSITION(stamp[0]), consumer)) ->
           p = POSITION(stamp[0]);
           tried = 1
       }
    :: atomic {
           NOTICED(POSITION(stamp[1]), consumer) && (!tried || RECOVERABLE(POSITION(stamp[1]), consumer)) ->
           p = POSITION(stamp[1]);
           tried = 1
       }
    :: DIES
    fi;

    /* ---- recovery of p; also how a newcomer settles p (mode > 0) */
recover:
    if
    :: atomic {
           s = stamp[SLOT(p)];
           if
           :: s == FREE(p) && mode < 2 -> skip
           :: (s == FULL(p) || s == VOID(p)) && (mode == 0 || mode == 2) -> skip
           :: POSITION(s) == p && KIND(s) >= 3 && mode != 1 -> goto recover_reclaimed
           :: else -> goto settled
           fi
       }
    :: DIES
    fi;
#ifndef BREAK_UNCLAIMED_IS_RECOVERED
    STEP_IF((s == FREE(p) -> tail : head) > p, skip, goto settled);
#endif
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
    :: atomic { s == FULL(p) && consumer && mode == 2 -> goto take }
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
           mode > 0 ->
           l = 0;
           if
           :: TAKER(s) != me -> goto settled
           :: TAKER(s) == me && consumer -> goto deliver
           :: TAKER(s) == me && !consumer -> goto not_yet
           fi
       }
    :: atomic {
           mode == 0 ->
#ifdef BREAK_RECLAIM_NAMES_NOBODY
           goto not_yet
#else
           if
           :: consumer && !ALIVE(TAKER(s))
           :: else -> goto not_yet
           fi
#endif
       }
    :: DIES
    fi;
#ifndef BREAK_TAKING_IS_NOT_SAID
    STEP(taking[me] = RANGE(p, 1));
#endif
take:
    STEP_IF(stamp[SLOT(p)] == s, stamp[SLOT(p)] = RECLAIM(p, me), goto settled);
deliver:
    STEP(w = data[SLOT(p)]);
#ifdef BREAK_REDELIVERY_FREES_BY_STORE
    if
    :: atomic {
           assert(stamp[SLOT(p)] == RECLAIM(p, me));
#else
    if
    :: atomic {
           /* Whoever frees the slot delivers: the one that loses has read for nothing. */
           if
           :: stamp[SLOT(p)] == RECLAIM(p, me)
           :: else -> goto settled
           fi;
#endif
           assert(w == ELEMENT(p) && data[SLOT(p)] == w);
           assert((published & BIT(p)) && !(delivered & BIT(p)) && !(discarded & BIT(p)));
           delivered = delivered | BIT(p);
           stamp[SLOT(p)] = FREE(p + N)
       }
    :: DIES
    fi;

settled:
    atomic {
        if
        :: mode == 0 -> goto begin
        :: mode > 0 && p + 1 < pos -> p++; s = 0; l = 0; w = 0; goto recover
        :: mode > 0 && p + 1 >= pos -> FORGET; mode++; goto lease_next
        fi
    }
not_yet:
    atomic {
        if
        :: mode == 0 -> goto begin
        :: else -> FORGET
        fi
    }
    STEP(alive = alive & (ALL ^ BIT(me)); leasing--; mode = 0; again = 1; goto lease);

    /* ---- a newcomer takes a dead one's place */
died:
    atomic {
        FORGET;
        mode = 0;
        tried = 0;
        dirty = 0;
        again = 0;
        me = 0;
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
#ifdef BREAK_LINE_NOT_SETTLED
        mode = 4;
#else
        mode = 1;
#endif
    }
lease_next:
    if
    :: atomic { mode == 1 -> w = pushing[me] }
    :: atomic { mode == 2 -> w = popping[me] }
    :: atomic { mode == 3 -> w = taking[me] }
    :: atomic { mode == 4 -> pushing[me] = 0; goto lease_clear }
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
    STEP(popping[me] = 0);
    STEP(taking[me] = 0; mode = 0; leasing--; again = 0; goto begin);

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
