using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Sva;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.VdpaH;
using static Ioasis.Abi.VhostH;
using static Ioasis.Tests.Vdpa.VdpaProgram;

namespace Ioasis.Tests.Vdpa;

/// <summary>Address spaces of a vDPA device that have the page tables of /dev/iommu and of /dev/sva.</summary>
public sealed class SpaceTests
{
    private const int IommuFile = 20, SvaFile = 21, OtherFileNumber = 22, Closed = 99;
    private const long Fault = -(long)Errno.EFAULT;

    [Fact]
    public void ADeviceIsBoundToOneIommufd()
    {
        using var program = new VdpaProgram(isOpen: false);
        program.Open();
        AddFiles(program);
        Assert.Equal(Errno.EPERM, Bind(program, IommuFile));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_OWNER));
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_VDPA_SET_IOMMU_FD));
        Assert.Equal(Errno.EINVAL, program.Ioctl(VHOST_VDPA_SET_IOMMU_FD,
            new VhostVdpaSetIommufd { Argsz = 15, Iommufd = IommuFile }));
        Assert.Equal(Errno.EINVAL, program.Ioctl(VHOST_VDPA_SET_IOMMU_FD,
            new VhostVdpaSetIommufd { Argsz = 16, Flags = 1, Iommufd = IommuFile }));
        Assert.Equal(Errno.EINVAL, Bind(program, NoIommufd));
        Assert.Equal(Errno.EBADF, Bind(program, Closed));
        Assert.Equal(Errno.EINVAL, Bind(program, OtherFileNumber));
        Assert.Equal(Errno.EINVAL, Bind(program, SvaFile));
        Assert.Equal(Errno.None, Bind(program, IommuFile));
        Assert.NotEqual(0u, program.Caller.Get<VhostVdpaSetIommufd>(program.Caller.Scratch).OutDevid);
        Assert.Equal(Errno.EBUSY, Bind(program, IommuFile));
        Assert.Equal(Errno.None, Bind(program, NoIommufd));
        Assert.Equal(Errno.EINVAL, Bind(program, NoIommufd));
    }

    [Fact]
    public void AnAddressSpaceHasTheMappingsOfAnIoas()
    {
        using var program = new VdpaProgram();
        IommufdContext context = AddFiles(program);
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_BACKEND_FEATURES, 0x1eul));
        uint ioas = AllocateIoas(program, context);
        Assert.Equal(Errno.EINVAL, Attach(program, ioas, 1));
        Assert.Equal(Errno.None, Bind(program, IommuFile));
        Assert.Equal(Errno.ENOENT, Attach(program, 77, 1));
        Assert.Equal(Errno.EINVAL, Attach(program, ioas, 2));
        Assert.Equal(Errno.None, Attach(program, ioas, 1));
        uint hwpt = program.Caller.Get<VdpaDeviceAttachIommufdAs>(program.Caller.Scratch).PtId;
        Assert.NotEqual(ioas, hwpt);
        Assert.Equal(Errno.None, Attach(program, hwpt, 1));
        Map(program, context, ioas, 0x5000);
        Assert.Equal(Errno.None, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 1, 1));
        using DmaPort port = program.OpenPort(group: 1), other = program.OpenPort(group: 0);
        Assert.True(port.Write(new Iova(0x5000), new byte[8]).IsOk);
        Assert.False(other.Write(new Iova(0x5000), new byte[8]).IsOk);

        // Messages fill the other address space, and not this one.
        Assert.Equal(Fault, program.Send(Update, 0x8000, Page, program.Memory, asid: 1));
        Assert.Equal(Fault, program.Send(Invalidate, 0, 0, asid: 1));
        Assert.Equal(Whole, program.Send(Update, 0x5000, Page, program.Memory, asid: 0));
        Assert.True(other.Write(new Iova(0x5000), new byte[8]).IsOk);
        Assert.Equal(Errno.EBUSY, Attach(program, ioas, 0));

        program.Run();
        Assert.Equal(Errno.EBUSY, Attach(program, ioas, 1));
        Assert.Equal(Errno.EBUSY, Detach(program, 1));
        Assert.Equal(Errno.EBUSY, Bind(program, NoIommufd));
        Assert.Equal(Errno.None, program.SetStatus(0));
        Assert.Equal(Errno.None, Detach(program, 1));
        Assert.Equal(Errno.EINVAL, Detach(program, 1));
        Assert.Equal(Errno.EINVAL, Detach(program, 0));
        Assert.Equal(FaultReason.NotAttached, port.Write(new Iova(0x5000), new byte[8]).Reason);
        Assert.Equal(Whole, program.Send(Update, 0x8000, Page, program.Memory, asid: 1));
        Assert.True(port.Write(new Iova(0x8000), new byte[8]).IsOk);
    }

    [Fact]
    public void AnUnmapOfTheIoasStopsTheDeviceAndAClosedFileLetsGo()
    {
        using var program = new VdpaProgram();
        IommufdContext context = AddFiles(program);
        uint ioas = AllocateIoas(program, context);
        Assert.Equal(Errno.None, Bind(program, IommuFile));
        Assert.Equal(Errno.None, Attach(program, ioas, 0));
        Map(program, context, ioas, 0x5000);
        using DmaPort port = program.OpenPort();
        Assert.True(port.Write(new Iova(0x5000), new byte[8]).IsOk);
        Assert.Equal(Errno.None, Call(program, context, IommufdH.IOMMU_IOAS_UNMAP,
            new IommuIoasUnmap { Size = 24, IoasId = ioas, Iova = 0x5000, Length = Page }));
        Assert.Equal(FaultReason.NotMapped, port.Write(new Iova(0x5000), new byte[8]).Reason);
        Assert.Equal(Errno.EBUSY, Call(program, context, IommufdH.IOMMU_DESTROY,
            new IommuDestroy { Size = 8, Id = ioas }));
        program.Close();
        Assert.Equal(Errno.None, Call(program, context, IommufdH.IOMMU_DESTROY,
            new IommuDestroy { Size = 8, Id = ioas }));
        Assert.True(context.Objects.IsEmpty);
        Assert.False(program.Device.Endpoint.Group.IsClaimed);
    }

    [Fact]
    public void WithThePasidOfTheOwnersMemoryNothingHasToBeMapped()
    {
        using var program = new VdpaProgram();
        AddFiles(program);
        uint pasid = BindProcess(program);
        Assert.Equal(Errno.EBADF, AttachSva(program, Closed, pasid, 0));
        Assert.Equal(Errno.EBADFD, AttachSva(program, IommuFile, pasid, 0));
        Assert.Equal(Errno.ENOENT, AttachSva(program, SvaFile, pasid + 1, 0));
        Assert.Equal(Errno.None, AttachSva(program, SvaFile, pasid, 0));
        Assert.Equal(Errno.EBUSY, AttachSva(program, SvaFile, pasid, 0));
        Assert.Equal(Errno.None, AttachSva(program, SvaFile, pasid, 1));
        AssertPointersWork(program);

        // The device has the PASID until the last of its address spaces lets go.
        Assert.Equal(Errno.None, Detach(program, 0));
        using (DmaPort port = program.OpenPort())
            Assert.Equal(FaultReason.NotAttached, port.Write(new Iova(program.Memory), new byte[8]).Reason);
        Assert.Equal(Errno.None, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 0, 1));
        using (DmaPort port = program.OpenPort())
            Assert.True(port.Write(new Iova(program.Memory), new byte[8]).IsOk);
        Assert.Equal(Errno.None, Detach(program, 1));
        Assert.Null(program.Device.Endpoint.AttachedTo(new Pasid(pasid)));
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory));
    }

    [Fact]
    public void ADeviceThatUsesPointersNeedsNoMap()
    {
        using var program = new VdpaProgram(sva: true);
        AssertPointersWork(program);
        int pasids = program.Machine.Pasids.Count;
        program.Close();
        Assert.Equal(pasids - 1, program.Machine.Pasids.Count);
        program.Open();
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_OWNER));
        AssertPointersWork(program);
    }

    [Fact]
    public void AnOwnerWhosePasidIsRefusedIsNone()
    {
        using var program = new VdpaProgram(isOpen: false, sva: true);
        program.Open();
        var other = new PasidOwner { Quota = int.MaxValue };
        while (program.Machine.Pasids.Allocate(other, 1, Pasid.MaxValue, out _) == IommuStatus.Ok)
        {
        }

        Assert.Equal(Errno.ENOSPC, program.Ioctl(VHOST_SET_OWNER));
        Assert.Equal(Errno.EPERM, program.Vring(VHOST_SET_VRING_NUM, 0, 64));
    }

    private static void AssertPointersWork(VdpaProgram program)
    {
        ulong memory = program.Memory;
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Whole, program.Send(Invalidate, 0, ulong.MaxValue));
        Assert.Equal(Whole, program.Send(Update, memory, Page, memory));
        Assert.Equal(Whole, program.Send(Update, memory, Page, memory)); // nothing was entered
        Assert.Equal(Fault, program.Send(Update, memory, Page, memory + Page));
        Assert.Equal(Whole, program.Send(End));
        Assert.Equal(0ul, program.Pins.Pinned);
        using DmaPort port = program.OpenPort();
        program.Caller.Put(memory + (3 * Page), 0x1234ul);
        Span<byte> bytes = stackalloc byte[8];
        Assert.True(port.Read(new Iova(memory + (3 * Page)), bytes).IsOk);
        Assert.Equal(0x1234ul, BitConverter.ToUInt64(bytes));
        Assert.False(port.Read(new Iova(0x1000), bytes).IsOk);
    }

    private static IommufdContext AddFiles(VdpaProgram program)
    {
        var context = new IommufdContext(new FakeCarrier());
        program.Caller.Add(IommuFile, context);
        Assert.Equal(Errno.None, new SvaNode(program.Machine.Pasids, 10).Open(new FakeCarrier(), out NodeFile? sva));
        program.Caller.Add(SvaFile, sva!);
        program.Caller.Add(OtherFileNumber, OtherFile.Instance);
        return context;
    }

    private static Errno Bind(VdpaProgram program, int file) =>
        program.Ioctl(VHOST_VDPA_SET_IOMMU_FD, new VhostVdpaSetIommufd { Argsz = 16, Iommufd = file });

    private static Errno Attach(VdpaProgram program, uint pageTable, uint asid) =>
        program.Ioctl(VDPA_DEVICE_ATTACH_IOMMUFD_AS,
            new VdpaDeviceAttachIommufdAs { Argsz = 16, PtId = pageTable, Asid = asid });

    private static Errno Detach(VdpaProgram program, uint asid) =>
        program.Ioctl(VDPA_DEVICE_DETACH_IOMMUFD_AS, new VdpaDeviceDetachIommufdAs { Argsz = 12, Asid = asid });

    private static Errno AttachSva(VdpaProgram program, int file, uint pasid, uint asid) =>
        program.Ioctl(VDPA_DEVICE_ATTACH_SVA,
            new VdpaDeviceAttachSva { Argsz = 20, Sva = file, Pasid = pasid, Asid = asid });

    private static uint AllocateIoas(VdpaProgram program, IommufdContext context)
    {
        Assert.Equal(Errno.None, Call(program, context, IommufdH.IOMMU_IOAS_ALLOC, new IommuIoasAlloc { Size = 12 }));
        return program.Caller.Get<IommuIoasAlloc>(program.Caller.Scratch).OutIoasId;
    }

    private static void Map(VdpaProgram program, IommufdContext context, uint ioas, ulong iova) =>
        Assert.Equal(Errno.None, Call(program, context, IommufdH.IOMMU_IOAS_MAP, new IommuIoasMap
        {
            Size = 40,
            Flags = 7,
            IoasId = ioas,
            UserVa = program.Memory,
            Length = Page,
            Iova = iova,
        }));

    private static uint BindProcess(VdpaProgram program)
    {
        Assert.Equal(Errno.None, program.Caller.GetFile(SvaFile, out IOpenFile? sva));
        Assert.Equal(Errno.None, Call(program, (NodeFile)sva!, SvaH.IOASIS_SVA_BIND_PROCESS,
            new IoasisSvaBindProcess { Size = 12 }));
        return program.Caller.Get<IoasisSvaBindProcess>(program.Caller.Scratch).Pasid;
    }

    private static Errno Call<T>(VdpaProgram program, NodeFile file, uint command, T args) where T : unmanaged
    {
        program.Caller.Put(program.Caller.Scratch, args);
        return file.Ioctl(program.Caller, command, program.Caller.Scratch).Errno;
    }
}
