using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Core;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>What a program maps and unmaps is told, once, whether a device is attached or not.</summary>
public sealed class ObservedMapsTests
{
    private const ulong Page = 4096, At = 0x10_0000;
    private readonly TestMachine _machine = new();
    private readonly EventRecorder _seen = new();

    public ObservedMapsTests() => _machine.Unit.Observers.Add(_seen);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryMappingIsToldAsItComesAndGoes(bool attached)
    {
        HostBlock block = _machine.Program.Own.Allocate(4 * Page);
        ulong memory = (ulong)block.Address;
        uint id = _machine.NewIoas();
        IommufdIoas ioas = Find(id);
        uint hwpt = id;
        if (attached) Assert.Equal(Errno.None, _machine.Bind().Attach(null, ref hwpt));
        Assert.Equal(Errno.None, _machine.Map(id, At, memory, Page));
        Assert.Equal(Errno.None, _machine.Map(id, At + Page, memory + (2 * Page), 2 * Page, IOMMU_IOAS_MAP_READABLE));
        Assert.Equal(Errno.EEXIST, _machine.Map(id, At, memory, Page));
        Assert.Equal(
            [
                (ioas, new IovaRange(At, At + Page - 1), MapAccess.ReadWrite, memory),
                (ioas, new IovaRange(At + Page, At + (3 * Page) - 1), MapAccess.Read, memory + (2 * Page)),
            ],
            _seen.Of<MapEvent>().Select(e => ((IommufdIoas)e.Space, e.Range, e.Access, e.Memory.Address)));
        Assert.All(_seen.Of<MapEvent>(), e => Assert.False(e.Memory.IsFile));

        // Nothing is there, or only a part of a mapping is meant: nothing is unmapped, and nothing told.
        ulong length = Page;
        Assert.Equal(Errno.ENOENT, _machine.Unmap(id, At + (8 * Page), ref length));
        length = Page;
        Assert.Equal(Errno.ENOENT, _machine.Unmap(id, At + Page, ref length));
        Assert.Empty(_seen.Of<UnmapEvent>());
        length = Page;
        Assert.Equal(Errno.None, _machine.Unmap(id, At, ref length));
        Assert.Equal(new IovaRange(At, At + Page - 1), Assert.Single(_seen.Of<UnmapEvent>()).Range);

        // Two at once, and the last with the IOAS.
        Assert.Equal(Errno.None, _machine.Map(id, At, memory, Page));
        (length, ulong all) = (ulong.MaxValue, 3 * Page);
        Assert.Equal(Errno.None, _machine.Unmap(id, 0, ref length));
        Assert.Equal(all, length);
        Assert.Equal(3, _seen.Of<UnmapEvent>().Count);
        Assert.All(_seen.Of<UnmapEvent>(), e => Assert.Same(ioas, e.Space));
        if (attached) Assert.Same(ioas, Assert.Single(_seen.Of<AttachEvent>()).Domain.Space);
        _machine.Program.Own.Free(block);
    }

    [Fact]
    public void ACopyIsTheIoassOwnAndGoesWithIt()
    {
        HostBlock block = _machine.Program.Own.Allocate(Page);
        uint source = _machine.NewIoas(), destination = _machine.NewIoas();
        IommufdIoas copied = Find(destination);
        Assert.Equal(Errno.None, _machine.Map(source, At, (ulong)block.Address, Page));
        var copy = new IommuIoasCopy
        {
            Size = TestMachine.Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
            DstIoasId = destination,
            SrcIoasId = source,
            Length = Page,
            DstIova = 2 * At,
            SrcIova = At,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_COPY, ref copy));
        MapEvent told = _seen.Of<MapEvent>()[1];
        Assert.Same(copied, told.Space);
        Assert.Equal((2 * At, MapAccess.Read, (ulong)block.Address),
            (told.Range.First, told.Access, told.Memory.Address));
        Assert.Equal(Errno.None, _machine.Destroy(destination));
        Assert.Same(copied, Assert.Single(_seen.Of<UnmapEvent>()).Space);
        _machine.Context.Close();
        Assert.Equal(2, _seen.Of<UnmapEvent>().Count);
        _machine.Program.Own.Free(block);
    }

    [Fact]
    public void ADriverWithoutDmaIsBoundToo()
    {
        IommufdAccess access = IommufdAccess.Create(_machine.Context, new TestAccessOwner());
        BindEvent bound = Assert.Single(_seen.Of<BindEvent>());
        Assert.Null(bound.Endpoint);
        Assert.Equal((access, _machine.Context), (bound.Device, bound.Context));
        access.Dispose();
        access.Dispose();
        Assert.Same(access, Assert.Single(_seen.Of<UnbindEvent>()).Device);
    }

    private IommufdIoas Find(uint id) => _machine.Context.Objects.All<IommufdIoas>().Single(i => i.Id == id);
}
