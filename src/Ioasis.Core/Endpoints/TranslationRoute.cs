using Ioasis.Core.Domains;

namespace Ioasis.Core.Endpoints;

/// <summary>What a port needs to translate requests by a domain, in one object.</summary>
internal sealed class TranslationRoute(MappingTable table, ulong lastAddress)
{
    private volatile DirtyBitmap? _dirty;

    /// <summary>The mappings.</summary>
    internal MappingTable Table => table;

    /// <summary>The last address that the unit translates.</summary>
    internal ulong LastAddress => lastAddress;

    /// <summary>Where writes are recorded; null while they are not. While they are, no port keeps a translation that permits them.</summary>
    internal DirtyBitmap? Dirty
    {
        get => _dirty;
        set => _dirty = value;
    }
}
