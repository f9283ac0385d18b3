using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Invariants 6 and 7: who owns what, and when it is given back.</summary>
public sealed class LifetimeTests
{
    private readonly TestMachine _machine = new();

    [Fact]
    public void TheLastCloseGivesBackMemoryGroupsAndAttachments()
    {
        IommufdDevice device = _machine.Bind();
        uint ioas = _machine.NewIoas(), attached = ioas;
        HostBlock block = _machine.Program.Own.Allocate(0x4000);
        Assert.Equal(Errno.None, _machine.Map(ioas, 0x10000, (ulong)block.Address, 0x4000));
        Assert.Equal(Errno.None, device.Attach(null, ref attached));
        using DmaPort port = device.Endpoint.OpenPort();
        Assert.True(port.Read(new Iova(0x10000), new byte[16]).IsOk);

        // The file of the context goes first: what the device needs stays until its driver lets go.
        _machine.Context.Close();
        Assert.True(port.Read(new Iova(0x10000), new byte[16]).IsOk);
        device.Detach(null);
        Assert.Equal(FaultReason.NotAttached, port.Read(new Iova(0x10000), new byte[16]).Reason);
        Assert.True(block.TryAddReference()); // still mapped: the context lives
        block.Release();
        device.Unbind();

        _machine.Program.Own.Free(block);
        Assert.False(block.TryAddReference()); // nobody holds it any more
        Assert.Equal(0, _machine.Context.Objects.Count);
        var other = new TestMachine();
        other.Bind(device.Endpoint); // nobody owns its group any more
    }

    [Fact]
    public void ADeviceHasOneOwner()
    {
        IommufdDevice device = _machine.Bind();
        var other = new TestMachine();
        Assert.Equal(Errno.EBUSY, IommufdDevice.Bind(other.Context, device.Endpoint, out IommufdDevice? refused));
        Assert.Null(refused);
        Assert.Equal(0, other.Context.Objects.Count);
        device.Unbind();
        other.Bind(device.Endpoint);
    }

    [Fact]
    public void IdsMeanNothingInAnotherContext()
    {
        uint ioas = _machine.NewIoas();
        IommufdDevice device = _machine.Bind();
        var other = new TestMachine();
        HostBlock block = other.Program.Own.Allocate(0x1000);
        Assert.Equal(Errno.ENOENT, other.Map(ioas, 0x1000, (ulong)block.Address, 0x1000));
        Assert.Equal(Errno.ENOENT, other.Destroy(ioas));
        Assert.Equal(Errno.ENOENT, other.Destroy(device.Id));
        IommufdDevice theirs = other.Bind();
        uint ours = ioas;
        Assert.Equal(theirs.Id == ioas ? Errno.EINVAL : Errno.ENOENT, theirs.Attach(null, ref ours));
        Assert.Equal(2, _machine.Context.Objects.Count);
    }

    [Fact]
    public void WhatIsInUseCannotBeDestroyed()
    {
        IommufdDevice device = _machine.Bind();
        uint ioas = _machine.NewIoas(), hwpt = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref hwpt));
        Assert.NotEqual(ioas, hwpt);
        Assert.Equal(Errno.EBUSY, _machine.Destroy(device.Id));
        Assert.Equal(Errno.EBUSY, _machine.Destroy(hwpt));
        Assert.Equal(Errno.EBUSY, _machine.Destroy(ioas));
        device.Detach(null);
        Assert.Equal(Errno.ENOENT, _machine.Destroy(hwpt)); // made by attaching, gone by detaching
        Assert.Equal(Errno.None, _machine.Destroy(ioas));
        Assert.Equal(Errno.EBUSY, _machine.Destroy(device.Id));
    }

    [Fact]
    public void NumbersAreReusedLowestFirst()
    {
        uint[] ids = [_machine.NewIoas(), _machine.NewIoas(), _machine.NewIoas()];
        Assert.Equal([1u, 2u, 3u], ids);
        Assert.Equal(Errno.None, _machine.Destroy(1));
        Assert.Equal(Errno.None, _machine.Destroy(2));
        Assert.Equal(1u, _machine.NewIoas());
        Assert.Equal(2u, _machine.NewIoas());
        Assert.Equal(4u, _machine.NewIoas());
    }

    [Fact]
    public void AnAttachmentThatFailsLeavesNothingBehind()
    {
        // Something is mapped where the device's interrupts are, and memory that is not there elsewhere.
        IommufdDevice device = _machine.Bind();
        HostBlock block = _machine.Program.Own.Allocate(0x1000);
        uint reserved = _machine.NewIoas(), missing = _machine.NewIoas(), good = _machine.NewIoas();
        Assert.Equal(Errno.None, _machine.Map(reserved, 0xfee0_0000, (ulong)block.Address, 0x1000));
        Assert.Equal(Errno.None, _machine.Map(missing, 0x1000, 0x1000, 0x1000));
        int before = _machine.Context.Objects.Count;
        uint id = reserved;
        Assert.Equal(Errno.EADDRINUSE, device.Attach(null, ref id));
        id = missing;
        Assert.Equal(Errno.EFAULT, device.Attach(null, ref id));
        Assert.Equal(missing, id);
        Assert.Equal(before, _machine.Context.Objects.Count);
        Assert.Null(device.Endpoint.Attached);

        // Neither IOAS remembers it: both can be used as if nothing had been.
        ulong all = ulong.MaxValue;
        Assert.Equal(Errno.None, _machine.Unmap(missing, 0, ref all));
        Assert.Equal(Errno.None, _machine.Map(missing, 0xfee0_0000, (ulong)block.Address, 0x1000));
        id = good;
        Assert.Equal(Errno.None, device.Attach(null, ref id));

        // And a replacement that fails leaves the device where it was.
        uint elsewhere = reserved;
        Assert.Equal(Errno.EADDRINUSE, device.Replace(null, ref elsewhere));
        Assert.Equal(Errno.None, _machine.Map(good, 0x1000, (ulong)block.Address, 0x1000));
        using DmaPort port = device.Endpoint.OpenPort();
        Assert.True(port.Read(new Iova(0x1000), new byte[1]).IsOk);
    }

    [Fact]
    public void ADestroyedIoasLetsItsMemoryGo()
    {
        uint ioas = _machine.NewIoas(), copy = _machine.NewIoas();
        HostBlock block = _machine.Program.Own.Allocate(0x1000);
        IommufdDevice device = _machine.Bind(), second = _machine.Bind();
        uint id = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        Assert.Equal(Errno.None, _machine.Map(ioas, 0x1000, (ulong)block.Address, 0x1000));
        var args = new IommuIoasCopy
        {
            Size = TestMachine.Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
            DstIoasId = copy,
            SrcIoasId = ioas,
            Length = 0x1000,
            DstIova = 0x8000,
            SrcIova = 0x1000,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_COPY, ref args));
        device.Detach(null);
        Assert.Equal(Errno.None, _machine.Destroy(ioas));
        block.Write(0, 42);
        id = copy;
        Assert.Equal(Errno.None, second.Attach(null, ref id));
        _machine.Program.Own.Free(block);
        using DmaPort port = second.Endpoint.OpenPort();
        byte[] data = new byte[1];
        Assert.True(port.Read(new Iova(0x8000), data).IsOk); // the copy holds it
        Assert.Equal(42, data[0]);
        second.Detach(null);
        Assert.Equal(Errno.None, _machine.Destroy(copy));
        Assert.False(block.TryAddReference());
    }

    [Fact]
    public async Task AnUnbindWaitsForTheCallsThatNameTheDevice()
    {
        IommufdDevice device = _machine.Bind();
        uint id = device.Id;
        Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(id, out ObjectTable.Held<IommufdDevice> call));
        Task unbind = Task.Run(device.Unbind, TestContext.Current.CancellationToken);

        // From some moment on no further call finds it; until the one is over its group stays claimed and its number
        // taken.
        while (_machine.Context.Objects.TryGet(id, out ObjectTable.Held<IommufdDevice> further) == Errno.None)
            further.Dispose();
        Assert.False(unbind.IsCompleted);
        Assert.True(device.Endpoint.Group.IsClaimed);
        Assert.NotEqual(id, _machine.NewIoas());
        call.Dispose();
        await unbind;
        Assert.False(device.Endpoint.Group.IsClaimed);
        Assert.Equal(id, _machine.NewIoas());
    }
}
