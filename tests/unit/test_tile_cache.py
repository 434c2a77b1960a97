"""The cache of tiles keeps to its size and forgets what was not used for longest."""

from hypothesis import given
from hypothesis import strategies as st

from gis import tiles
from gis.tiles import OVERHEAD_BYTES, Key, Tile, TileCache, pack

ALL = frozenset({"*"})


def _key(n: int, scope: frozenset[str] = ALL) -> Key:
    return ("sites", 1, scope, 14, n, 0)


def _tile(size: int) -> Tile:
    return Tile(b"x" * size, b"", '"e"')


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000)), max_size=60), st.integers(0, 8000))
def test_it_never_holds_more_than_it_may(puts: list[tuple[int, int]], limit: int) -> None:
    cache = TileCache(limit)
    for n, size in puts:
        cache.put(_key(n), _tile(size))
        assert cache.bytes <= limit
        kept = [tile for tile in (cache.get(_key(m)) for m in range(10)) if tile is not None]
        assert cache.bytes == sum(len(tile.plain) + OVERHEAD_BYTES for tile in kept)


def test_the_tile_not_used_for_longest_gives_way() -> None:
    cache = TileCache(3 * (100 + OVERHEAD_BYTES))
    for n in range(3):
        cache.put(_key(n), _tile(100))
    assert cache.get(_key(0)) is not None
    cache.put(_key(3), _tile(100))
    assert cache.get(_key(1)) is None
    assert cache.get(_key(0)) is not None


def test_another_scope_is_another_tile() -> None:
    cache = TileCache(10_000)
    cache.put(_key(1), _tile(1))
    assert cache.get(_key(1, frozenset({"411282000000"}))) is None


def test_packing_is_the_same_each_time_and_small_tiles_are_not_zipped() -> None:
    large = b"abcd" * 1000
    assert pack(large) == pack(large)
    assert len(pack(large).zipped) < len(large)
    assert pack(b"abc").zipped == b""
    assert pack(b"").etag != pack(b"a").etag


def test_addresses_outside_the_matrix_set_do_not_exist() -> None:
    assert tiles.exists(0, 0, 0)
    assert tiles.exists(22, 2**22 - 1, 0)
    for address in ((0, 1, 0), (23, 0, 0), (5, 0, 32), (-1, 0, 0)):
        assert not tiles.exists(*address)
