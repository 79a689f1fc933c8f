/*
 * The many-to-many ring: how participants fall asleep and are woken. README.md says what is modelled and how.
 *
 * A claim, with its look at the stamp, is one step here: that it may be taken for one is what claims.pml shows. Every access
 * to the words that sleeping and waking go by is a step of its own, and so are publishing, freeing, and the kernel's calls.
 */

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef PUSHES
#define PUSHES 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
/* How many participants may end: by their deadline, asleep or about to be, or of their own will after an operation. */
#ifndef STOPS
#define STOPS 1
#endif

#define N 2
#define LINES (PRODUCERS + CONSUMERS)
#define ALL (BIT(LINES) - 1)

#define SLOT(p) ((p) & 1)
#define FREE(p) ((p) << 2)
#define FULL(p) (((p) << 2) | 1)
#define VOID(p) (((p) << 2) | 2)

#define BIT(i) (1 << (i))

/* The segment. The two masks are data, for consumers, and space, for producers. */
byte tail;
byte head;
byte stamp[N];
byte mask[2];
#define data mask[1]
#define space mask[0]
byte asleep; /* the asleep words of all lines, a bit each; every access is to one of them */
/* With SHARED, the last two lines, which must be on one side, have one bit, as lines have from 63 on. */
#ifdef SHARED
#define SHARES_BIT(line) ((line) >= LINES - 2)
#define BIT_OF(line) ((line) == LINES - 1 -> BIT(LINES - 2) : BIT(line))
#else
#define SHARES_BIT(line) false
#define BIT_OF(line) BIT(line)
#endif
/* How many bits a waker tries for one wake-up: as many as there are. */
#define ROUNDS LINES

/* The kernel: who waits in the futex, and which lines are locked. */
byte waiting;
byte alive;

/* Who has claimed the slot and not let go: a line and one, or 0. It stands for the intents. */
byte holder[N];

byte crashes = CRASHES;
byte stops = STOPS;
bit crashed;
byte producers; /* ghosts, as in claims.pml */
byte consumers;

#define READY(p) (stamp[SLOT(p)] == FULL(p) || stamp[SLOT(p)] == VOID(p))
#define HELD_BY_DEAD(slot) (holder[slot] != 0 && !(alive & BIT(holder[slot] - 1)))
#define AVAILABLE(consumer) ((consumer) -> READY(head) : stamp[SLOT(tail)] == FREE(tail))
#define RECOVERABLE (HELD_BY_DEAD(0) || HELD_BY_DEAD(1))
#define EVERYTHING_SETTLED (producers == 0 && head == tail && holder[0] == 0 && holder[1] == 0)

/* A sleep may end by its slice, after a crash and where that leads somewhere. Without a crash nobody may need it. */
#ifdef NO_SLICES
#define SLICE_ENDS(consumer) false
#else
#define SLICE_ENDS(consumer) (crashed && (AVAILABLE(consumer) || ((consumer) && RECOVERABLE)))
#endif

#define DIES_NOW                                                                                                       \
    crashes--;                                                                                                         \
    crashed = 1;                                                                                                       \
    alive = alive & (ALL ^ BIT(me));                                                                                   \
    waiting = waiting & (ALL ^ BIT(me));                                                                               \
    goto died
#ifdef DEATH_ONLY_ASLEEP
#define DIES atomic { false }
#else
#define DIES atomic { crashes > 0 -> DIES_NOW }
#endif
#define STEP(access)                                                                                                   \
    if                                                                                                                 \
    :: atomic { access }                                                                                               \
    :: DIES                                                                                                            \
    fi

/* What a dead producer claimed becomes void; what a dead consumer claimed is taken over. */
#define RECOVER                                                                                                        \
    if                                                                                                                 \
    :: stamp[SLOT(p)] == FREE(p) -> stamp[SLOT(p)] = VOID(p); holder[SLOT(p)] = 0; p = 0; goto look                    \
    :: else -> holder[SLOT(p)] = me + 1; goto publish                                                                  \
    fi

proctype participant(byte me; bit consumer; byte quota) {
    byte p, m, l, rounds;
    bit woke;      /* the kernel has woken somebody for the bit that was picked */
    bit chosen;    /* found its bit gone when it got up, or cannot tell */
    bit passing;   /* what it wakes now is for its own side */
    bit stopping;

look:
    if
    :: atomic {
           !consumer && quota > 0 && stamp[SLOT(tail)] == FREE(tail) ->
           p = tail;
           tail++;
           holder[SLOT(p)] = me + 1
       }
    :: atomic {
           consumer && READY(head) ->
           p = head;
           head++;
           holder[SLOT(p)] = me + 1
       }
    :: atomic { consumer && HELD_BY_DEAD(0) -> p = stamp[0] >> 2; RECOVER }
    :: atomic { consumer && HELD_BY_DEAD(1) -> p = stamp[1] >> 2; RECOVER }
    :: atomic { !consumer && quota == 0 -> producers--; goto finished }
    :: atomic {
           !AVAILABLE(consumer) && (consumer || quota > 0) && !(consumer && RECOVERABLE) ->
           if
           :: chosen -> goto pass_on
           :: else -> goto announce
           fi
       }
    :: DIES
    fi;

    /* ---- publish or free, then wake who waits for it */
publish:
#ifdef BREAK_WAKES_BEFORE_PUBLISHING
    STEP(m = mask[1 - consumer]);
#endif
    if
    :: atomic {
           !consumer ->
           stamp[SLOT(p)] = FULL(p);
           holder[SLOT(p)] = 0;
           quota--
       }
    :: atomic {
           consumer ->
           stamp[SLOT(p)] = FREE(p + N);
           holder[SLOT(p)] = 0;
           p = p + N
       }
    :: DIES
    fi;
#ifdef BREAK_WAKES_BEFORE_PUBLISHING
    goto choose;
#endif
wake:
    /* One of the bits that are set is picked, and cleared; p is the position that somebody is woken for. */
    STEP(m = mask[1 - (consumer ^ passing)]);
choose:
    if
    :: atomic { m == 0 -> goto woken }
    :: atomic {
           m != 0 ->
           if
           :: m & 1 -> l = 0
           :: m & 2 -> l = 1
           :: m & 4 -> l = 2
           :: m & 8 -> l = 3
           fi;
           m = 0;
           if
           :: mask[1 - (consumer ^ passing)] & BIT(l) ->
              mask[1 - (consumer ^ passing)] = mask[1 - (consumer ^ passing)] & (ALL ^ BIT(l))
           :: else -> l = 0; goto next_round
           fi
       }
    :: DIES
    fi;
swap:
    if
    :: atomic { (asleep & BIT(l)) -> asleep = asleep & (ALL ^ BIT(l)) }
#ifdef BREAK_AWAKE_COUNTS
    :: atomic { !(asleep & BIT(l)) -> woke = 1; goto next_line }
#else
    :: atomic { !(asleep & BIT(l)) -> goto next_line }
#endif
    :: DIES
    fi;
    if
    :: atomic { waiting & BIT(l) -> waiting = waiting & (ALL ^ BIT(l)); woke = 1 }
#ifdef BREAK_THE_DEAD_ARE_WOKEN
    :: atomic { !(waiting & BIT(l)) -> woke = 1 }
#else
    :: atomic { !(waiting & BIT(l)) }
#endif
    :: DIES
    fi;
next_line:
    atomic {
        if
#ifdef BREAK_SHARED_BIT_WAKES_ONE
        :: SHARES_BIT(l) && l < LINES - 1 && !woke -> l++; goto swap
#else
        :: SHARES_BIT(l) && l < LINES - 1 -> l++; goto swap
#endif
        :: else -> l = 0
        fi;
        if
        :: woke -> woke = 0; rounds = 0; goto next_position
        :: else
        fi
    }
next_round:
    atomic {
        rounds++;
        if
        :: rounds < ROUNDS -> goto wake
        :: else -> rounds = 0
        fi
    }
next_position:
#ifdef BREAK_WAKES_FOR_ONE_POSITION
    atomic { true -> goto woken }
#endif
    if
    :: atomic { passing -> goto woken }
    :: atomic { !passing && !consumer && stamp[SLOT(p + 1)] == FULL(p + 1) -> p++; goto wake }
    :: atomic { !passing && consumer && stamp[SLOT(p + 1)] == FREE(p + 1) -> p++; goto wake }
    :: atomic { !passing && stamp[SLOT(p + 1)] != (consumer -> FREE(p + 1) : FULL(p + 1)) -> goto woken }
    :: DIES
    fi;
woken:
    atomic {
        p = 0;
        rounds = 0;
        if
        :: passing -> passing = 0; goto passed_on
        :: else
        fi;
        if
        :: consumer && stops > 0 -> stops--; stopping = 1
        :: true
        fi
    }

    /* ---- who was chosen for something and is up wakes another one, if there is more */
pass_on:
    if
    :: atomic { !chosen -> goto passed_on }
    :: atomic { chosen && AVAILABLE(consumer) -> passing = 1; goto wake }
    :: atomic { chosen && !AVAILABLE(consumer) -> goto passed_on }
    :: DIES
    fi;
passed_on:
    atomic {
        chosen = 0;
        if
        :: !stopping -> goto look
        :: stopping && !consumer -> producers--; goto finished
        :: else -> goto finished
        fi
    }

    /* ---- nothing to be had: sleep */
announce:
    STEP(asleep = asleep | BIT(me));
    STEP(mask[consumer] = mask[consumer] | BIT_OF(me));
#ifndef BREAK_NO_SECOND_LOOK
    if
    :: atomic { AVAILABLE(consumer) || (consumer && RECOVERABLE) -> goto get_up }
    :: atomic { !(AVAILABLE(consumer) || (consumer && RECOVERABLE)) }
    :: DIES
    fi;
#endif
    if
    :: atomic { asleep & BIT(me) -> waiting = waiting | BIT(me) }
    :: atomic { !(asleep & BIT(me)) -> goto poll }
    :: atomic { stops > 0 -> stops--; stopping = 1; goto get_up }
    :: DIES
    fi;
    if
    :: atomic { !(waiting & BIT(me)) -> skip }
    :: atomic { SLICE_ENDS(consumer) -> waiting = waiting & (ALL ^ BIT(me)) }
    :: atomic { stops > 0 -> stops--; stopping = 1; waiting = waiting & (ALL ^ BIT(me)); goto get_up }
    :: atomic { consumer && EVERYTHING_SETTLED -> waiting = waiting & (ALL ^ BIT(me)); goto finished }
    :: atomic { crashes > 0 && (waiting & BIT(me)) -> DIES_NOW }
    :: DIES
    fi;
poll:
    if
    :: atomic { AVAILABLE(consumer) || (consumer && RECOVERABLE) -> goto get_up }
    :: atomic { !(AVAILABLE(consumer) || (consumer && RECOVERABLE)) -> goto announce }
    :: DIES
    fi;

get_up:
    STEP(asleep = asleep & (ALL ^ BIT(me)));
    if
#ifndef BREAK_SHARED_BIT_IS_CLEARED
    /* The others' bit too. */
    :: atomic { SHARES_BIT(me) -> chosen = 1 }
    :: atomic {
           !SHARES_BIT(me) ->
#else
    :: atomic {
#endif
           chosen = !(mask[consumer] & BIT_OF(me));
           mask[consumer] = mask[consumer] & (ALL ^ BIT_OF(me))
       }
    :: DIES
    fi;
    atomic {
#ifdef BREAK_NOT_PASSED_ON
        chosen = 0;
#endif
        if
        :: stopping -> goto pass_on
        :: else -> goto look
        fi
    }

    /* ---- a newcomer takes the line, and settles what was claimed there */
died:
#ifdef NEWCOMER
    atomic {
        p = 0;
        m = 0;
        l = 0;
        rounds = 0;
        woke = 0;
        chosen = 0;
        passing = 0;
        stopping = 0;
        alive = alive | BIT(me);
        do
        :: holder[l] == me + 1 ->
           stamp[l] = (stamp[l] == FREE(stamp[l] >> 2) -> VOID(stamp[l] >> 2) : FREE((stamp[l] >> 2) + N));
           holder[l] = 0
        :: else ->
           if
           :: l == 0 -> l = 1
           :: else -> l = 0; break
           fi
        od
    }
    /* Its bit and its word stay as they are. */
    goto look;
#endif
    atomic {
        if
        :: consumer -> consumers--
        :: else -> producers--
        fi
    }
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
