using System.Buffers.Binary;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Core;

/// <summary>Mappings that are addresses in all memory of a process, beside such with a number of their own.</summary>
public sealed class MappedSpacesTests : IDisposable
{
    private const ulong Page = 4096;
    private readonly MappingTable _table = new(Page, new NoSource());
    private readonly DmaPort _port;

    public MappedSpacesTests()
    {
        IommuUnit unit = new VtdUnit("dmar0", new VtdFeatures());
        var endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0));
        Assert.Equal(IommuStatus.Ok,
            unit.CreatePagingDomain(endpoint, PagingDomainOptions.None, null, _table, out PagingDomain? domain));
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(null, domain!, null, out _));
        _port = endpoint.OpenPort();
    }

    public void Dispose() => _port.Dispose();

    [Fact]
    public void RandomMappingsOfManySpacesLeadWhereTheyWereMapped()
    {
        Space[] spaces = [.. Enumerable.Range(0, 12).Select(i => new Space((ulong)i))];
        var random = new Random(1);
        var mapped = new Dictionary<ulong, (ulong Pages, Space Space, ulong Address)>(); // by first page
        for (int step = 0; step < 20_000; step++)
        {
            ulong first = (ulong)random.Next(64) * 4, pages = (ulong)random.Next(1, 5);
            if (mapped.TryGetValue(first, out (ulong Pages, Space Space, ulong Address) one))
            {
                Check(first, one);
                if (one.Pages > 1 && random.Next(2) == 0) // in two parts
                {
                    _table.Split(Range(first, one.Pages), ((first + 1) * Page) - 1);
                    _table.Unmap(Range(first, 1));
                    Assert.False(_port.Read(new Iova(first * Page), new byte[8]).IsOk);
                    Check(first + 1, (one.Pages - 1, one.Space, one.Address + Page));
                    _table.Unmap(Range(first + 1, one.Pages - 1));
                }
                else
                {
                    _table.Unmap(Range(first, one.Pages));
                }

                mapped.Remove(first);
                Assert.False(_port.Read(new Iova(first * Page), new byte[8]).IsOk);
            }
            else
            {
                Space space = spaces[random.Next(step < 10_000 ? spaces.Length : 5)];
                ulong address = (ulong)random.NextInt64(1L << 35) * Page;
                if (random.Next(8) == 0) address += 8; // has a number
                _table.Map(Range(first, pages), space, address, MapAccess.ReadWrite);
                mapped[first] = (pages, space, address);
            }
        }
    }

    [Fact]
    public void ASpaceIsNotKeptWhenNothingIsMappedOfIt()
    {
        WeakReference gone = MapAndUnmap();
        GC.Collect();
        Assert.False(gone.IsAlive);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private WeakReference MapAndUnmap()
    {
        var space = new Space(7);
        _table.Map(Range(0, 1), space, Page, MapAccess.ReadWrite);
        _table.Map(Range(1, 1), space, Page, MapAccess.ReadWrite);
        _table.Unmap(Range(0, 1));
        Check(1, (1, space, Page));
        _table.Unmap(Range(1, 1));
        return new WeakReference(space);
    }

    private void Check(ulong first, (ulong Pages, Space Space, ulong Address) mapped)
    {
        byte[] bytes = new byte[16];
        for (ulong page = 0; page < mapped.Pages; page++)
        {
            Assert.True(_port.Read(new Iova(((first + page) * Page) + 16), bytes).IsOk);
            Assert.Equal(mapped.Space.Number, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            Assert.Equal(mapped.Address + (page * Page) + 16, BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)));
        }
    }

    private static IovaRange Range(ulong first, ulong pages) => new(first * Page, ((first + pages) * Page) - 1);

    /// <summary>A process's memory that says, where it is read, whose it is and where that is.</summary>
    private sealed class Space : MemoryBacking
    {
        internal Space(ulong number) : base(ulong.MaxValue, writable: true, 0) => (Number, IsSpace) = (number, true);

        internal ulong Number { get; }

        public override bool TryPopulate(ulong offset, ulong length) => true;

        public override bool TryRead(ulong offset, Span<byte> destination)
        {
            Span<byte> said = stackalloc byte[16];
            BinaryPrimitives.WriteUInt64LittleEndian(said, Number);
            BinaryPrimitives.WriteUInt64LittleEndian(said[8..], offset);
            said[..destination.Length].CopyTo(destination);
            return true;
        }

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => true;
    }

    private sealed class NoSource : IMappingSource
    {
        public object Space => this;

        public bool TryShow(ulong address, out IovaRange range, out MemoryLocation? location)
        {
            (range, location) = (default, null);
            return false;
        }
    }
}
