using Ioasis.Core.Domains;

namespace Ioasis.Core.DmaApi;

/// <summary>Who writes a buffer (Linux: enum dma_data_direction).</summary>
public enum DmaDirection
{
    /// <summary>The device reads and writes.</summary>
    Bidirectional = 0,

    /// <summary>The device only reads.</summary>
    ToDevice = 1,

    /// <summary>The device only writes.</summary>
    FromDevice = 2,

    /// <summary>The device may do neither: for finding mistakes.</summary>
    None = 3,
}

internal static class DmaDirections
{
    internal static MapAccess AccessOf(DmaDirection direction) => direction switch
    {
        DmaDirection.Bidirectional => MapAccess.ReadWrite,
        DmaDirection.ToDevice or DmaDirection.FromDevice => (MapAccess)direction, // the same numbers
        _ => MapAccess.None,
    };
}
