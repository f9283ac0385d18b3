namespace Ioasis.Host.Filter;

/// <summary>Condition on an argument for a call to be stopped.</summary>
internal enum ArgumentCondition : byte
{
    /// <summary>Anything.</summary>
    Any,

    /// <summary>
    /// The number of an ioctl with a type that our nodes use, or the ioctl that tells KVM of a VFIO file.
    /// </summary>
    OurIoctl,

    /// <summary>A file offset that one of our regions can have.</summary>
    RegionOffset,

    /// <summary>So few vectors that a text may be written to an attribute.</summary>
    Few,

    /// <summary>As many bytes as a node or an attribute takes (<see cref="WriteRule"/>).</summary>
    MessageSize,

    /// <summary>The same; or, after that, a file offset that a region of ours can have.</summary>
    MessageSizeOrRegionOffset,

    /// <summary>A pointer to a file offset that is not null, or another one two arguments later.</summary>
    OffsetGiven,

    /// <summary>
    /// The flags of mmap(2) for a file that is mapped shared or with at most a page; or the next argument as
    /// <see cref="RegionOffset"/>.
    /// </summary>
    FileMapping,

    /// <summary>As <see cref="FileMapping"/>, or the flags replace existing mappings.</summary>
    FileOrFixedMapping,

    /// <summary>A protection for mprotect(2) that forbids reading or writing.</summary>
    LessProtection,

    /// <summary>An advice for madvise(2) that discards pages.</summary>
    DiscardAdvice,

    /// <summary>Flags of shmat(2) that replace an existing mapping.</summary>
    Remap,
}

/// <summary>A system call that the filter stops.</summary>
/// <param name="Number">Its number on x86-64.</param>
/// <param name="Kind">The kind of code that serves it.</param>
/// <param name="Condition">When it is stopped.</param>
/// <param name="Argument">Index of the argument of the condition, from 0.</param>
internal sealed record TrappedCall(
    int Number, CallKind Kind, ArgumentCondition Condition = ArgumentCondition.Any, int Argument = 0);
