using Ioasis.Core.Domains;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Endpoints;

/// <summary>What a port needs to translate requests by a domain, in one object.</summary>
internal sealed class TranslationRoute
{
    private readonly TranslationRoute? _parent;
    private volatile DirtyBitmap? _dirty;
    private volatile IovaTable? _plain;

    /// <summary>The route of a paging domain: addresses are looked up among the mappings.</summary>
    internal TranslationRoute(MappingTable table, ulong lastAddress)
    {
        Table = table;
        LastAddress = lastAddress;
        _plain = table.Table;
    }

    /// <summary>
    /// The route of a domain with a first stage: what that translates to is looked up among its parent's mappings.
    /// </summary>
    internal TranslationRoute(FirstStageDomain firstStage, TranslationRoute parent)
    {
        FirstStage = firstStage;
        _parent = parent;
        Table = parent.Table;
        LastAddress = ulong.MaxValue;
    }

    /// <summary>
    /// The route of a process's own address space: one mapping, of which every page may come and go by itself.
    /// </summary>
    internal TranslationRoute(MappingTable table, ulong lastAddress, int pageShift, AddressSpace process)
    {
        Table = table;
        LastAddress = lastAddress;
        PageMask = (1UL << pageShift) - 1;
        Process = process;
    }

    /// <summary>Bytes minus 1 of the aligned pieces that are accessed each by itself.</summary>
    internal ulong PageMask { get; } = ulong.MaxValue;

    /// <summary>
    /// Whether memory that cannot be accessed is a page that is missing, rather than one that is gone.
    /// </summary>
    internal bool IsProcess => Process is not null;

    /// <summary>The process whose address space it is; null for other domains.</summary>
    internal AddressSpace? Process { get; }

    /// <summary>
    /// The changes of a process's memory, during which no access may be under way; null for other domains, whose
    /// mappings are taken out.
    /// </summary>
    internal MemoryChanges? Changes => Process?.Changes;

    /// <summary>The mappings.</summary>
    internal MappingTable Table { get; }

    /// <summary>What translates addresses before they are looked up; null for a paging domain.</summary>
    internal FirstStageDomain? FirstStage { get; }

    /// <summary>The last address that the unit translates.</summary>
    internal ulong LastAddress { get; }

    /// <summary>
    /// Where writes are recorded, by the addresses of the mappings; null while they are not. While they are, no port
    /// keeps a translation that permits them.
    /// </summary>
    internal DirtyBitmap? Dirty
    {
        get => _parent is null ? _dirty : _parent.Dirty;
        set
        {
            _dirty = value;
            _plain = value is null ? Table.Table : null;
        }
    }

    /// <summary>
    /// The table, where its entries are all that there is to a translation; null where there is a first stage, or
    /// writes are recorded.
    /// </summary>
    internal IovaTable? Plain => _plain;
}
