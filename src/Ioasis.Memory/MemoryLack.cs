namespace Ioasis.Memory;

/// <summary>What a host has none of, so that the pages of a file cannot be had.</summary>
internal enum MemoryLack
{
    /// <summary>Nothing: the pages are missing for another reason.</summary>
    None,

    /// <summary>Free huge pages.</summary>
    HugePages,

    /// <summary>Space on the file system.</summary>
    Space,
}
