namespace Ioasis.Core.Domains;

/// <summary>What a device may do with a mapping.</summary>
[Flags]
public enum MapAccess : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read memory.</summary>
    Read = 1,

    /// <summary>Write memory.</summary>
    Write = 2,

    /// <summary>Read and write memory.</summary>
    ReadWrite = Read | Write,
}
