import Glibc

/// The data caches of one core of a host, which tiles are cut to fit.
struct CacheSizes: Sendable {
  let secondLevelBytes: Int

  /// Those that the system reports; where it reports none, as in some containers, what nearly every
  /// server CPU has at least.
  static let host: CacheSizes = {
    let reported = sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
    return CacheSizes(secondLevelBytes: reported > 0 ? reported : 1 << 20)
  }()
}
