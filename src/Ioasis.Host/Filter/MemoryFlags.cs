namespace Ioasis.Host.Filter;

/// <summary>Arguments by which a call revokes memory (linux/mman.h, asm-generic/mman-common.h, linux/shm.h).</summary>
internal static class MemoryFlags
{
    public const uint MAP_FIXED = 0x10;
    public const uint SHM_REMAP = 0x4000;

    private const uint MADV_DONTNEED = 4, MADV_FREE = 8, MADV_REMOVE = 9, MADV_DONTNEED_LOCKED = 24,
        MADV_GUARD_INSTALL = 102;

    /// <summary>Advice that discards pages.</summary>
    public static ReadOnlySpan<uint> DiscardingAdvice =>
        [MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTNEED_LOCKED, MADV_GUARD_INSTALL];
}
