using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>What a driver can do that reaches memory itself, and what an unmap does to it.</summary>
public sealed class AccessTests
{
    private const ulong Page = 4096, Base = 0x100000;

    private readonly TestMachine _machine = new();
    private readonly uint _ioas;
    private readonly HostBlock _block;

    public AccessTests()
    {
        _ioas = _machine.NewIoas();
        _block = _machine.Program.Own.Allocate(16 * Page);
    }

    private ulong Memory => (ulong)_block.Address;

    [Fact]
    public void AnAccessIsAttachedMovedAndDetached()
    {
        uint other = _machine.NewIoas();
        var owner = new TestAccessOwner();
        IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        Assert.Equal(Errno.ENOENT, access.Replace(_ioas));
        Assert.Equal(Errno.ENOENT, access.Attach(99));
        Assert.Equal(Errno.ENOENT, access.Attach(access.Id));
        access.Detach();
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.EINVAL, access.Attach(other));
        Assert.Equal(Errno.EBUSY, _machine.Destroy(_ioas));
        Assert.Equal(Errno.EBUSY, _machine.Destroy(access.Id));
        Assert.Equal(Errno.None, access.Replace(_ioas));
        Assert.Empty(owner.Told);
        Assert.Equal(Errno.ENOENT, access.Replace(99));
        Assert.Equal(Errno.None, access.Replace(other));
        Assert.Equal((0UL, ulong.MaxValue), Assert.Single(owner.Told));
        Assert.Equal(Errno.None, _machine.Destroy(_ioas));
        access.Dispose();
        Assert.Equal(2, owner.Told.Count);
        Assert.Equal(Errno.None, _machine.Destroy(other));
        Assert.Equal(0, _machine.Context.Objects.Count);
    }

    [Fact]
    public void AnAccessKeepsTheContextAliveBeyondItsClose()
    {
        var owner = new TestAccessOwner();
        IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page));
        _machine.Context.Close();
        Assert.Equal(Errno.None, access.Write(Base, "still"u8));
        access.Dispose();
        Assert.Equal(0, _machine.Context.Objects.Count);
    }

    [Fact]
    public void WhereDriversPinPagesEverythingIsOfWholePages()
    {
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + 1, Memory + 5, 7));
        using IommufdAccess pinner = IommufdAccess.Create(_machine.Context, new TestAccessOwner());
        using IommufdAccess reader = IommufdAccess.Create(_machine.Context, new TestAccessOwner(needsPinPages: false));
        Assert.Equal(Errno.EADDRINUSE, pinner.Attach(_ioas));
        Assert.Equal(Errno.None, reader.Attach(_ioas));
        Assert.Equal(Errno.EINVAL, reader.PinPages(Base, Page, write: false, out _)); // it said that it pins nothing
        ulong length = 7;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, Base + 1, ref length));
        Assert.Equal(Errno.None, pinner.Attach(_ioas));
        Assert.Equal(Errno.EINVAL, _machine.Map(_ioas, Base + 1, Memory + 5, 7));
        Assert.Equal(Errno.EINVAL, _machine.Map(_ioas, Base, Memory + 5, Page));
        pinner.Detach();
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + 1, Memory + 5, 7));
    }

    [Fact]
    public void MemoryIsReadAndWrittenAtAnyAlignmentAcrossMappings()
    {
        using IommufdAccess access = Attached(needsPinPages: false);
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory + 3, 10));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + 10, Memory + 2000, 10));
        Assert.Equal(Errno.None, access.Write(Base + 7, "abcdef"u8));
        Span<byte> got = stackalloc byte[6];
        Assert.Equal(Errno.None, access.Read(Base + 7, got));
        Assert.Equal("abcdef", System.Text.Encoding.ASCII.GetString(got));
        _block.CopyTo(2000, got[..3]);
        Assert.Equal("def", System.Text.Encoding.ASCII.GetString(got[..3]));
        Assert.Equal(Errno.ENOENT, access.Read(Base + 15, got));
        Assert.Equal(Errno.EINVAL, access.Read(Base, []));
        Assert.Equal(Errno.EINVAL, access.Write(Base, []));
        Assert.Equal(Errno.EOVERFLOW, access.Read(ulong.MaxValue - 3, got));
        access.Detach();
        Assert.Equal(Errno.ENOENT, access.Read(Base, got));
        Assert.Equal(Errno.ENOENT, access.Write(Base, got));
        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
    }

    [Fact]
    public void PermissionsAndMissingMemoryAreToldApart()
    {
        using IommufdAccess access = Attached();
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page, IOMMU_IOAS_MAP_READABLE));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + Page, Memory, Page, IOMMU_IOAS_MAP_WRITEABLE));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + (2 * Page), 0x1000, Page));
        Span<byte> some = stackalloc byte[4];
        Assert.Equal(Errno.EPERM, access.Write(Base, some));
        Assert.Equal(Errno.EPERM, access.Read(Base + Page, some));
        Assert.Equal(Errno.EFAULT, access.Read(Base + (2 * Page), some));
        Assert.Equal(Errno.EFAULT, access.Write(Base + (2 * Page), some));
        Assert.Equal(Errno.EPERM, access.PinPages(Base, Page, write: true, out _));
        Assert.Equal(Errno.EPERM, access.PinPages(Base, 2 * Page, write: false, out IReadOnlyList<PinnedPage> none));
        Assert.Empty(none);
        Assert.Equal(Errno.EFAULT, access.PinPages(Base + (2 * Page), Page, write: false, out _));
        Assert.Equal(Errno.ENOENT, access.PinPages(Base + (3 * Page), Page, write: false, out _));
        Assert.Equal(Errno.EINVAL, access.PinPages(Base, 0, write: false, out _));
        Assert.Equal(Errno.EINVAL, access.PinPages(Base + 8, Page - 8, write: false, out _));
        Assert.Equal(Errno.EOVERFLOW, access.PinPages(ulong.MaxValue - 9, Page, write: false, out _));
        Assert.Equal(0UL, _machine.Program.Pins.Pinned); // what failed half-way was undone
    }

    [Fact]
    public void APinnedPageIsReadAndWrittenAndOutlivesItsOwnersFree()
    {
        using IommufdAccess access = Attached();
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, 2 * Page));
        Assert.Equal(Errno.None, access.PinPages(Base + Page, Page, write: true, out IReadOnlyList<PinnedPage> pages));
        PinnedPage page = Assert.Single(pages);
        Assert.True(_machine.Program.Memory.TryLocate(new Hva(Memory + Page), out MemoryLocation location));
        Assert.Equal(location, page.Location);
        _block.Write(Page + 8, 0x1122334455667788UL);
        Span<byte> word = stackalloc byte[8];
        _machine.Program.Own.Free(_block);
        Assert.False(_machine.Program.Memory.TryLocate(new Hva(Memory + Page), out _));
        Assert.True(page.TryRead(8, word));
        Assert.Equal(0x1122334455667788UL, BitConverter.ToUInt64(word));
        Assert.True(page.TryWrite(4088, word));
        Assert.False(page.TryWrite(4089, word));
        Assert.False(page.TryRead(-1, word));
        access.UnpinPages(Base + Page, Page);
    }

    [Fact]
    public void OnlyWhatWasPinnedIsUnpinned()
    {
        using IommufdAccess access = Attached();
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, 4 * Page));
        Assert.Equal(Errno.None, access.PinPages(Base, 2 * Page, write: false, out _));
        Assert.Equal(Errno.None, access.PinPages(Base, 2 * Page, write: false, out _));
        Assert.Throws<InvalidOperationException>(() => access.UnpinPages(Base, Page));
        Assert.Throws<InvalidOperationException>(() => access.UnpinPages(Base, 5 * Page));
        access.UnpinPages(Base, 2 * Page);
        Assert.Equal(2UL, _machine.Program.Pins.Pinned);
        access.UnpinPages(Base, 2 * Page);
        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
        Assert.Throws<InvalidOperationException>(() => access.UnpinPages(Base, 2 * Page));
    }

    [Fact]
    public void AnUnmapAsksTheDriverToLetGo()
    {
        var owner = new TestAccessOwner();
        using IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, 2 * Page));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + (2 * Page), Memory, Page));
        Assert.Equal(Errno.None, access.PinPages(Base, Page, write: true, out _));
        owner.OnUnmap = (_, _) =>
        {
            // Meanwhile it cannot be used anew.
            Assert.Equal(Errno.EINVAL, access.PinPages(Base, Page, write: true, out IReadOnlyList<PinnedPage> _));
            Assert.Equal(Errno.EINVAL, access.Read(Base, new byte[1]));
            access.UnpinPages(Base, Page);
        };
        ulong length = 3 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, Base, ref length));
        Assert.Equal(3 * Page, length);
        Assert.Equal((Base, 2 * Page), Assert.Single(owner.Told));
        owner.OnUnmap = null;
    }

    [Fact]
    public void ADriverThatDoesNotLetGoEndsTheUnmapWithAnError()
    {
        var owner = new TestAccessOwner();
        using IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page));
        Assert.Equal(Errno.None, access.PinPages(Base, Page, write: true, out _));
        ulong length = Page;
        Assert.Equal(Errno.EDEADLK, _machine.Unmap(_ioas, Base, ref length));
        Assert.Equal(101, owner.Told.Count);
        Assert.Equal(Errno.EINVAL, access.PinPages(Base, Page, write: true, out _)); // it stays closed, as on Linux
        access.UnpinPages(Base, Page);
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, Base, ref length));
    }

    [Fact]
    public void WhatTheContextItselfHasPinnedCannotBeUnmapped()
    {
        IommufdAccess access = IommufdAccess.CreateInternal(_machine.Context);
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, 2 * Page));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + (2 * Page), Memory, Page));
        Assert.Equal(Errno.None, access.PinPages(Base + Page, 2 * Page, write: false, out _));
        ulong length = 3 * Page;
        Assert.Equal(Errno.EBUSY, _machine.Unmap(_ioas, Base, ref length));
        length = Page;
        Assert.Equal(Errno.EBUSY, _machine.Unmap(_ioas, Base, ref length)); // before it is seen that it is only a part
        access.UnpinPages(Base + Page, 2 * Page);
        Assert.Equal(Errno.ENOENT, _machine.Unmap(_ioas, Base, ref length));
        length = 3 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, Base, ref length));
        access.Dispose();
    }

    [Fact]
    public void WhatADriverHasPinnedCannotBeCut()
    {
        using IommufdAccess access = Attached();
        IommuVfioIoas compat = new()
        {
            Size = TestMachine.Length<IommuVfioIoas>(),
            IoasId = _ioas,
            Op = (ushort)IOMMU_VFIO_IOAS_SET
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VFIO_IOAS, ref compat));
        Assert.Equal(Errno.None,
            _machine.Context.Ioctl(_machine.Program, VfioH.VFIO_SET_IOMMU, VfioH.VFIO_TYPE1_IOMMU).Errno);
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, 4 * Page));
        Assert.Equal(Errno.None, access.PinPages(Base, Page, write: false, out _));
        VfioIommuType1DmaUnmap args = new() { Argsz = 24, Iova = Base + Page, Size = Page };
        Assert.Equal(Errno.EINVAL, _machine.Call(VfioH.VFIO_IOMMU_UNMAP_DMA, ref args));
        access.UnpinPages(Base, Page);
        Assert.Equal(Errno.None, _machine.Call(VfioH.VFIO_IOMMU_UNMAP_DMA, ref args));
        Assert.Equal(Errno.None, access.PinPages(Base, Page, write: false, out _));
        Assert.Equal(Errno.ENOENT, access.PinPages(Base + Page, Page, write: false, out _));
        access.UnpinPages(Base, Page);
    }

    [Fact]
    public async Task WhenAnUnmapReturnsNoDriverUsesTheMemory()
    {
        // A driver that writes without pause whenever it can, and lets go when it is told. What was unmapped must not
        // change any more.
        object gate = new();
        IReadOnlyList<PinnedPage>? pinned = null;
        bool stop = false;
        long writes = 0;
        var owner = new TestAccessOwner();
        IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        owner.OnUnmap = (_, _) =>
        {
            lock (gate)
            {
                if (pinned is not null) access.UnpinPages(Base, Page);
                pinned = null;
            }
        };
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Task driver = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                lock (gate)
                {
                    if (pinned is null && access.PinPages(
                        Base, Page, write: true, out IReadOnlyList<PinnedPage> pages) == Errno.None) pinned = pages;
                    if (pinned is null) continue;
                    Assert.True(pinned[0].TryWrite(0, BitConverter.GetBytes(Interlocked.Increment(ref writes))));
                }
            }
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < 300; round++)
        {
            Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page));
            long before = Volatile.Read(ref writes);
            Until.True(() => Volatile.Read(ref writes) != before);
            ulong length = Page;
            Assert.Equal(Errno.None, _machine.Unmap(_ioas, Base, ref length));
            ulong last = _block.Read<ulong>(0);
            for (int look = 0; look < 50; look++)
            {
                Thread.Yield();
                Assert.Equal(last, _block.Read<ulong>(0));
            }
        }

        Volatile.Write(ref stop, true);
        await driver;
        access.Dispose();
        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
    }

    [Fact]
    public void DisposeWaitsForANotificationThatIsUnderWay()
    {
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        bool left = false;
        var owner = new TestAccessOwner();
        IommufdAccess access = IommufdAccess.Create(_machine.Context, owner);
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page));
        Assert.Equal(Errno.None, access.PinPages(Base, Page, write: true, out _));
        owner.OnUnmap = (_, length) =>
        {
            if (length != Page) return; // the detach of the end
            entered.Set();
            leave.Wait();
            access.UnpinPages(Base, Page);
            left = true;
        };
        var unmap = new Thread(() =>
        {
            ulong length = Page;
            _machine.Unmap(_ioas, Base, ref length);
        });
        unmap.Start();
        entered.Wait(TestContext.Current.CancellationToken);
        bool leftWhenDisposed = false;
        var dispose = new Thread(() =>
        {
            access.Dispose();
            leftWhenDisposed = left;
        });
        dispose.Start();
        Until.True(() => (dispose.ThreadState & ThreadState.WaitSleepJoin) != 0 || !dispose.IsAlive);
        leave.Set();
        dispose.Join();
        unmap.Join();
        Assert.True(leftWhenDisposed);
    }

    [Fact]
    public void AReservedRangeCannotBeMappedAndWhatIsMappedNotReserved()
    {
        Assert.Equal(Errno.ENOENT, _machine.Context.ReserveIova(99, new IovaRange(Base, Base + Page - 1)));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base, Memory, Page));
        Assert.Equal(Errno.EADDRINUSE, _machine.Context.ReserveIova(_ioas, new IovaRange(Base + 5, Base + Page)));
        Assert.Equal(Errno.None,
            _machine.Context.ReserveIova(_ioas, new IovaRange(Base + Page, Base + (2 * Page) - 1)));
        Assert.Equal(Errno.EINVAL, _machine.Map(_ioas, Base + Page, Memory, Page));
        Assert.Equal(Errno.None, _machine.Map(_ioas, Base + (2 * Page), Memory, Page));
    }

    private IommufdAccess Attached(bool needsPinPages = true)
    {
        IommufdAccess access = IommufdAccess.Create(_machine.Context, new TestAccessOwner(needsPinPages));
        Assert.Equal(Errno.None, access.Attach(_ioas));
        return access;
    }
}
