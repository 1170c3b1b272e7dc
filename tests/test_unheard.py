"""Silence that ends, whoever leaves first."""

import threading
import warnings

import pytest

from wdist.unheard import unheard


def test_two_threads_that_overlap_leave_the_filters_as_they_were():
    """With catch_warnings alone the filters of the first would be put back by the second."""
    before = list(warnings.filters)
    entered, left = threading.Event(), threading.Event()

    def first():
        with unheard(module="one"):
            entered.set()
            assert second_in.wait(5)
        left.set()

    second_in = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(5)
    with unheard(message="two"):
        second_in.set()
        assert left.wait(5)
        warnings.warn("two and no more", UserWarning, stacklevel=1)
        with pytest.warns(UserWarning, match="three"):
            warnings.warn("three", UserWarning, stacklevel=1)
    thread.join()
    assert list(warnings.filters) == before


def test_an_error_ends_it_too():
    before = list(warnings.filters)
    with pytest.raises(KeyError), unheard(message="x"):
        raise KeyError
    assert list(warnings.filters) == before


def test_who_comes_to_listen_meanwhile_is_not_made_deaf():
    entered, leave = threading.Event(), threading.Event()

    def silent():
        with unheard(module="one"):
            entered.set()
            assert leave.wait(5)

    before = list(warnings.filters)
    thread = threading.Thread(target=silent)
    thread.start()
    assert entered.wait(5)

    def heard():
        leave.set()
        thread.join()
        warnings.warn("two", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="two"):
        heard()
    assert list(warnings.filters) == before
