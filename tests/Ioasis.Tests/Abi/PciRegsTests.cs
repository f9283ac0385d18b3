using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

public class PciRegsTests
{
    [Fact]
    public void The_header_of_an_extended_capability_comes_apart()
    {
        const uint Header = (0x148u << 20) | (2u << 16) | PciRegs.PCI_EXT_CAP_ID_PASID;

        Assert.Equal(PciRegs.PCI_EXT_CAP_ID_PASID, PciRegs.PCI_EXT_CAP_ID(Header));
        Assert.Equal(2, PciRegs.PCI_EXT_CAP_VER(Header));
        Assert.Equal(0x148, PciRegs.PCI_EXT_CAP_NEXT(Header));
        Assert.Equal(0xffc, PciRegs.PCI_EXT_CAP_NEXT(uint.MaxValue));
    }

    [Fact]
    public void Device_and_function_share_a_byte()
    {
        byte devfn = PciRegs.PCI_DEVFN(0x1f, 6);

        Assert.Equal(0xfe, devfn);
        Assert.Equal(0x1f, PciRegs.PCI_SLOT(devfn));
        Assert.Equal(6, PciRegs.PCI_FUNC(devfn));
    }

    [Fact]
    public void The_fields_of_ATS_have_5_bits()
    {
        Assert.Equal(0x1f, PciRegs.PCI_ATS_CAP_QDEP(0xffff));
        Assert.Equal(0x1f, PciRegs.PCI_ATS_CTRL_STU(0xffff));
    }
}
