using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;

namespace Ioasis.Tests.Iommufd;

/// <summary>Memory of units that a program maps through /dev/iommu.</summary>
public sealed class MmapRegionsTests
{
    private const ulong Page = 4096;

    private readonly FakeCarrier _carrier = new();
    private readonly IommufdContext _context;
    private readonly Owner _owner;

    public MmapRegionsTests()
    {
        _context = new IommufdContext(_carrier);
        ObjectTable.Pending<Owner> pending = _context.Objects.Reserve(new Owner());
        _owner = pending.Value;
        pending.Commit();
    }

    private ulong Allocate(ulong length)
    {
        Assert.Equal(IommuStatus.Ok,
            _context.Regions.Allocate(_owner, length, out ulong offset, out SharedBytes? bytes));
        Assert.Equal(length, bytes!.Length);
        return offset;
    }

    private Errno Map(ulong offset, ulong length, bool shared = true, bool executable = false) =>
        _context.Map(offset, length, shared, readable: true, writable: true, executable);

    [Fact]
    public void OnlyExactlyOneRegionCanBeMapped()
    {
        ulong first = Allocate(2 * Page), second = Allocate(Page);
        Assert.Equal(Errno.None, Map(first, 2 * Page));
        Assert.Equal(Errno.None, Map(second, Page));
        Assert.Equal(Errno.ENXIO, Map(0, Page));
        Assert.Equal(Errno.ENXIO, Map(first, Page));
        Assert.Equal(Errno.ENXIO, Map(first, 3 * Page));
        Assert.Equal(Errno.ENXIO, Map(first + Page, Page));
        Assert.Equal(Errno.ENXIO, Map(second + Page, Page));
        Assert.Equal(Errno.EINVAL, Map(first, 2 * Page, shared: false, executable: true));
        Assert.Equal(Errno.EPERM, Map(0, Page, executable: true));
    }

    [Fact]
    public void TheLowestPlaceThatFitsIsTaken()
    {
        ulong first = Allocate(2 * Page), second = Allocate(Page);
        Assert.Equal(first + 2 * Page, second);
        _context.Regions.Free(first);
        Assert.Equal(Errno.ENXIO, Map(first, 2 * Page));
        Assert.Equal(second + Page, Allocate(3 * Page));
        Assert.Equal(first, Allocate(Page));
        Assert.Equal(first + Page, Allocate(Page));
    }

    [Theory]
    [InlineData(0, IommuStatus.Invalid)]
    [InlineData(Page + 1, IommuStatus.Invalid)]
    [InlineData(1UL << 47, IommuStatus.NoMemory)]
    [InlineData(ulong.MaxValue - (Page - 1), IommuStatus.NoMemory)]
    public void ALengthThatCannotBeIsRefused(ulong length, IommuStatus status) =>
        Assert.Equal(status, _context.Regions.Allocate(_owner, length, out _, out _));

    [Fact]
    public void TheOwnerOfWhatIsMappedIsInUse()
    {
        ulong offset = Allocate(Page);
        _carrier.Mapped.Add(offset); // nobody was allowed to, so nobody looks
        Assert.False(_context.Regions.IsMapped(_owner.Id));
        Assert.Equal(Errno.None, Map(offset, Page));
        Assert.Equal(Errno.EBUSY, _context.Destroy(_owner.Id));
        Assert.False(_context.Regions.IsMapped(_owner.Id + 1));
        _carrier.Mapped.Clear();
        Assert.Equal(Errno.None, _context.Destroy(_owner.Id));
        Assert.Equal(Errno.ENOENT, _context.Destroy(_owner.Id));
    }

    [Fact]
    public void WhatIsMappedWhileItIsToBeDestroyedIsInUse()
    {
        ulong offset = Allocate(Page);
        Errno errno = Errno.None;
        using (StoppedThread destroy =
            StoppedThread.At("IommufdContext.NotMapped", () => errno = _context.Destroy(_owner.Id)))
        {
            _carrier.Mapped.Add(offset);
            Assert.Equal(Errno.None, Map(offset, Page));
            destroy.GoOn();
        }

        Assert.Equal(Errno.EBUSY, errno);
        Assert.False(_owner.IsDestroyed);
        _context.Close(); // mappings keep the file open, so there are none
        Assert.True(_owner.IsDestroyed);
    }

    private sealed class Owner : IommufdObject
    {
        internal bool IsDestroyed { get; private set; }

        internal override void Destroy() => IsDestroyed = true;
    }
}
