namespace Ioasis.Host.Filter;

/// <summary>What an argument must be for a call to be stopped.</summary>
internal enum ArgumentCondition : byte
{
    /// <summary>Anything.</summary>
    Any,

    /// <summary>
    /// The number of an ioctl with a type that a node of ours has, or the one by which KVM is told of a file of ours.
    /// </summary>
    OurIoctl,

    /// <summary>A file offset that a region of ours can have.</summary>
    RegionOffset,

    /// <summary>So few bytes, or vectors, that a number may be written to an attribute.</summary>
    Few,

    /// <summary>The same; or, after that, a file offset that a region of ours can have.</summary>
    FewOrRegionOffset,

    /// <summary>A pointer to a file offset, or a second one two arguments further on, that is not null.</summary>
    OffsetGiven,

    /// <summary>
    /// The flags of mmap(2): a file, and shared or no more than a page; or, after that, a file offset that a region of
    /// ours can have.
    /// </summary>
    FileMapping,

    /// <summary>The same, or what may be mapped there already is replaced.</summary>
    FileOrFixedMapping,

    /// <summary>The protection of mprotect(2), where it forbids reading or writing.</summary>
    LessProtection,

    /// <summary>The advice of madvise(2), where it discards pages.</summary>
    DiscardAdvice,

    /// <summary>The flags of shmat(2), where what is mapped there already is replaced.</summary>
    Remap,
}

/// <summary>A system call that the filter stops.</summary>
/// <param name="Number">Its number on x86-64.</param>
/// <param name="Kind">What serves it.</param>
/// <param name="Condition">When it is stopped.</param>
/// <param name="Argument">Which argument the condition is about, from 0.</param>
internal readonly record struct TrappedCall(
    int Number, CallKind Kind, ArgumentCondition Condition = ArgumentCondition.Any, int Argument = 0);
