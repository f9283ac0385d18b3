using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;

namespace Ioasis.Conformance.Iommufd;

/// <summary>What one context, or another process, has is nothing to the next.</summary>
public sealed class IsolationTests : UapiTest
{
    [Fact]
    public void Contexts_share_nothing_but_numbers()
    {
        using NodeTransport otherProcess = Target.NewProcess();
        using IommuContext other = IommuContext.Open(otherProcess);
        IommuContext context = OpenContext();
        Ioas ioas = context.AllocateIoas();
        Ioas mine = context.AllocateIoas();
        ioas.Map(Pages(1), at: At(0x10000));
        Ioas theirs = other.AllocateIoas();
        Assert.Equal(ioas.Id, theirs.Id);
        Assert.Equal(0ul, theirs.UnmapAll());
        Snapshot before = Snapshot.Of(ioas, 0x10000);
        Fails(Errno.ENOENT, () => other.Destroy(mine.Id));
        var copy = new IommuIoasCopy
        {
            Size = Size<IommuIoasCopy>(),
            Flags = IommufdH.IOMMU_IOAS_MAP_READABLE,
            SrcIoasId = mine.Id,
            DstIoasId = theirs.Id,
            SrcIova = 0x10000,
            Length = Page,
        };
        Fails(Errno.ENOENT, other.TryIoctl(IommufdH.IOMMU_IOAS_COPY, ref copy));
        theirs.Destroy();
        Assert.Equal(before, Snapshot.Of(ioas, 0x10000));
    }

    [Fact]
    public void A_device_of_one_context_is_unknown_to_another()
    {
        IommuContext context = OpenContext();
        IommuContext other = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        var hardware = new IommuHwInfo { Size = Size<IommuHwInfo>(), DevId = device.Id };
        Fails(Errno.ENOENT, other.TryIoctl(IommufdH.IOMMU_GET_HW_INFO, ref hardware));
        var hwpt = new IommuHwptAlloc
        {
            Size = Size<IommuHwptAlloc>(),
            DevId = device.Id,
            PtId = other.AllocateIoas().Id
        };
        Fails(Errno.ENOENT, other.TryIoctl(IommufdH.IOMMU_HWPT_ALLOC, ref hwpt));
        other.AllocateIoas();
        Ioas third = other.AllocateIoas(); // no such number in the device's context
        Fails(Errno.ENOENT, () => device.Attach(third));
    }

    [Fact]
    public void Memory_that_was_given_back_cannot_be_named_but_what_was_mapped_before_stays()
    {
        IommuContext context = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        Ioas ioas = context.AllocateIoas();
        device.Attach(ioas);
        UserMemory memory = Nodes.Allocate(Page);
        ioas.Map(memory, at: At(0x10000));
        memory.Dispose();

        // Another thread of this program may be given the address again at once, but not each time.
        Assert.Contains(Enumerable.Range(0, 100), _ =>
        {
            UserMemory other = Nodes.Allocate(Page);
            ulong gone = other.Address.Value;
            other.Dispose();
            try
            {
                ioas.Map(new(gone), Page, Read, At(0x20000));
            }
            catch (IommuException e)
            {
                Assert.Equal(Errno.EFAULT, e.Errno);
                return true;
            }

            ioas.Unmap(At(0x20000), Page);
            return false;
        });
        context.AllocateIoas().Copy(ioas, At(0x10000), Page);
        Assert.Equal(Page, ioas.UnmapAll());
    }

    [Fact]
    public void What_a_process_leaves_open_is_given_back_when_it_ends()
    {
        NodeTransport process = Target.NewProcess();
        var theirs = IommuContext.Open(process);
        VfioDevice device = VfioDevice.Open(process, EduNode.Path);
        device.Bind(theirs);
        Ioas ioas = theirs.AllocateIoas();
        ioas.Map(process.Allocate(Page), at: At(0x10000));
        device.Attach(ioas);
        if (!Target.IsProcess)
        {
            theirs.Dispose(); // one process runs the whole suite there: its end is the test of the C clients
            device.Dispose();
        }

        process.Dispose();
        IommuContext context = OpenContext();
        Assert.Equal(1u, OpenBound(EduNode, context).Id);
    }
}
