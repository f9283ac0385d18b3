using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// A guest with a device on a nested domain, whose tables map pages from <see cref="Base"/> on. The pages need no
/// memory, because nobody reads them.
/// </summary>
internal sealed class NestedGuest
{
    internal const ulong Page = 4096, Base = 0x4000_0000;
    private const ulong Tables = 0x1_0000_0000, Data = 0x1_4000_0000, TablePages = 256;
    private readonly OwnAddressSpace _memory = new();
    private readonly HostBlock _tables;
    private readonly MappingTable _stage2 = new(Page);
    private readonly bool _atOnce;
    private ulong _nextTable = Tables, _nextData = Data;

    internal NestedGuest(VtdFeatures features, int pages, bool atOnce)
    {
        _atOnce = atOnce;
        _tables = _memory.Allocate(TablePages * Page);
        if (atOnce)
        {
            MapStage2(Tables, TablePages * Page);
            MapStage2(Data, (ulong)pages * Page);
        }

        var unit = new VtdUnit("dmar0", features);
        Endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0));
        Check(unit.CreatePagingDomain(Endpoint, PagingDomainOptions.NestParent, null, _stage2,
                out PagingDomain? parent));
        MapStage2(1UL << 46, Page); // makes the second stage 4 levels deep
        ulong root = NewPage(ref _nextTable);
        for (ulong i = 0; i < (ulong)pages; i++) Map(root, Base + (i * Page));
        var config = new Config(new IommuHwptVtdS1 { PgtblAddr = root, AddrWidth = 48 });
        Check(unit.CreateNestedDomain(parent!, PagingDomainOptions.None, config, out NestedDomain? domain));
        Check(Endpoint.Attach(null, domain!, null, out _));
    }

    internal Endpoint Endpoint { get; }

    private void MapStage2(ulong gpa, ulong length) =>
        _stage2.Map(new IovaRange(gpa, gpa + length - 1), new Somewhere(_tables.Address + (nint)(gpa - Tables), length),
            0, MapAccess.ReadWrite);

    private ulong NewPage(ref ulong next)
    {
        ulong page = next;
        next += Page;
        if (!_atOnce) MapStage2(page, Page);
        return page;
    }

    private void Map(ulong table, ulong iova)
    {
        for (int level = 4; level >= 1; level--)
        {
            ulong at = table - Tables + X64Format.Offset(iova, level), entry = _tables.Read<ulong>(at);
            if (entry == 0)
            {
                entry = NewPage(ref level == 1 ? ref _nextData : ref _nextTable) | X64Entry.PresentBit
                    | (ulong)X64Rights.All | X64Entry.AccessedBit;
                _tables.Write(at, entry);
            }

            table = new X64Entry(entry).Table.Value;
        }
    }

    private static void Check(IommuStatus status)
    {
        if (status != IommuStatus.Ok) throw new InvalidOperationException($"A call that must succeed gave {status}.");
    }

    /// <summary>Memory that pretends to be at an address.</summary>
    private sealed class Somewhere(nint address, ulong length) : MemoryBacking(length, writable: true, (ulong)address)
    {
        public override nint DirectAddress => address;

        public override bool TryPopulate(ulong offset, ulong length) => true;

        public override bool TryRead(ulong offset, Span<byte> destination) => false;

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
    }

    private sealed class Config(IommuHwptVtdS1 config) : UserData
    {
        public override uint Type => IommufdH.IOMMU_HWPT_DATA_VTD_S1;

        public override IommuStatus TryRead<T>(uint type, int minimum, out T value)
        {
            value = (T)(object)config;
            return IommuStatus.Ok;
        }

        public override IommuStatus TryWrite<T>(uint type, int minimum, in T value) => IommuStatus.NotSupported;
    }
}
