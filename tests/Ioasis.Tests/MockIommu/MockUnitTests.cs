using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Unit;
using Ioasis.Tests.Iommufd;
using Ioasis.Tests.Machine;
using static Ioasis.Abi.IommufdH;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.Tests.MockIommu;

/// <summary>A driver that no room of the product knows of: what it can do that the built-in one cannot.</summary>
public sealed class MockUnitTests
{
    private readonly TestMachine _machine = new();

    [Fact]
    public void DevicesTranslateByPagesSmallerThanTheHosts()
    {
        const ulong iova = MOCK_APERTURE_START + MOCK_PAGE_SIZE;
        HostBlock block = _machine.Program.Own.Allocate(0x1000);
        block.CopyFrom(0x800, "second half"u8);
        uint pageTable = _machine.NewIoas();
        uint ioas = pageTable;
        var endpoint = new Endpoint(new RequesterId(0, 0, 9, 0), new MockUnit("mock0"),
            new IommuGroup(900));
        IommufdDevice device = _machine.Bind(endpoint);
        Assert.Equal(Errno.None, device.Attach(null, ref pageTable));

        Assert.Equal(Errno.EINVAL,
            _machine.Map(ioas, MOCK_APERTURE_START - MOCK_PAGE_SIZE, (ulong)block.Address, MOCK_PAGE_SIZE));
        Assert.Equal(Errno.EINVAL, _machine.Map(ioas, iova + 0x400, (ulong)block.Address, MOCK_PAGE_SIZE));
        Assert.Equal(Errno.None, _machine.Map(ioas, iova, (ulong)block.Address + 0x800, MOCK_PAGE_SIZE));
        using DmaPort port = endpoint.OpenPort();
        byte[] read = new byte[11];
        Assert.True(port.Read(new Iova(iova), read).IsOk);
        Assert.Equal("second half"u8, read);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(iova + MOCK_PAGE_SIZE - 1), new byte[2]).Reason);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(iova - 1), new byte[1]).Reason);
    }

    [Fact(Timeout = 60_000)]
    public async Task AContextThatClosesTakesDevicesAlongThatAreItsObjects()
    {
        PluginTests.LoadMock();
        uint ioas = _machine.NewIoas();
        IommuTestCmd device = Test(new IommuTestCmd
        {
            Op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
            Id = ioas,
            MockDomain = new MockDomainArgs { DevFlags = MOCK_FLAGS_DEVICE_PASID }
        });
        uint parent = Allocate(device.MockDomain.OutIdevId, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
        uint compatible = Allocate(device.MockDomain.OutIdevId, ioas, IOMMU_HWPT_ALLOC_PASID);

        var viommu = new IommuViommuAlloc
        {
            Size = TestMachine.Length<IommuViommuAlloc>(),
            Type = IOMMU_VIOMMU_TYPE_SELFTEST,
            DevId = device.MockDomain.OutIdevId,
            HwptId = parent
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VIOMMU_ALLOC, ref viommu));
        var vdevice = new IommuVdeviceAlloc
        {
            Size = TestMachine.Length<IommuVdeviceAlloc>(),
            ViommuId = viommu.OutViommuId,
            DevId = device.MockDomain.OutIdevId,
            VirtId = 0x99
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VDEVICE_ALLOC, ref vdevice));
        Test(new IommuTestCmd
        {
            Op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
            Id = device.MockDomain.OutStdevId,
            MockDomainReplace = new MockDomainReplaceArgs(compatible)
        });
        Test(new IommuTestCmd
        {
            Op = IOMMU_TEST_OP_PASID_ATTACH,
            Id = device.MockDomain.OutStdevId,
            Pasid = new PasidArgs(100, compatible)
        });

        await Task.Run(_machine.Context.Close, TestContext.Current.CancellationToken);
        Assert.Equal(0, _machine.Context.Objects.Count);
    }

    private IommuTestCmd Test(IommuTestCmd command)
    {
        command.Size = TestMachine.Length<IommuTestCmd>();
        Assert.Equal(Errno.None, _machine.Call(IOMMU_TEST_CMD, ref command));
        return command;
    }

    private uint Allocate(uint device, uint ioas, uint flags)
    {
        var args = new IommuHwptAlloc
        {
            Size = TestMachine.Length<IommuHwptAlloc>(),
            DevId = device,
            PtId = ioas,
            Flags = flags
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_HWPT_ALLOC, ref args));
        return args.OutHwptId;
    }
}
