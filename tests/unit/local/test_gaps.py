"""Room for invocations is bounded, and who has it does not wait for himself."""

import threading

from local.gaps.functions import Slots


def test_a_third_invocation_of_a_function_waits_until_one_ends() -> None:
    slots = Slots(per_function=2, at_once=10)
    inside, leave, done = threading.Semaphore(0), threading.Event(), []

    def invoke(number: int) -> None:
        with slots.take("detect"):
            inside.release()
            leave.wait(10)
            done.append(number)

    threads = [threading.Thread(target=invoke, args=(n,), daemon=True) for n in range(3)]
    for thread in threads:
        thread.start()

    assert inside.acquire(timeout=10)
    assert inside.acquire(timeout=10)
    assert not inside.acquire(timeout=0.2)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert sorted(done) == [0, 1, 2]


def test_who_has_a_slot_goes_on() -> None:
    slots = Slots(per_function=1, at_once=1)

    with slots.take("detect"), slots.take("detect"):
        entered = True

    assert entered


def test_another_function_has_slots_of_its_own() -> None:
    slots = Slots(per_function=1, at_once=2)
    entered = threading.Event()

    def invoke() -> None:
        with slots.take("redact"):
            entered.set()

    with slots.take("detect"):
        threading.Thread(target=invoke, daemon=True).start()
        assert entered.wait(10)
