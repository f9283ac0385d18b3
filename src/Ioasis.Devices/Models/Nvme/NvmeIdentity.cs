using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// Data of the Identify command (Linux: struct nvme_id_ctrl, struct nvme_id_ns, struct nvme_ns_id_desc).
/// </summary>
internal sealed class NvmeIdentity
{
    internal const int Size = 4096;
    private const uint OfNamespace = 0, OfController = 1, ActiveNamespaces = 2, NamespaceDescriptors = 3;
    private const byte UuidType = 3;
    private readonly NvmeNamespace _blocks;
    private readonly string _serial;
    private readonly byte[] _uuid = new byte[16];

    internal NvmeIdentity(NvmeNamespace blocks, string serial)
    {
        _blocks = blocks;
        _serial = serial;

        // A UUID of version 8 (custom format), derived from the serial number.
        SHA256.HashData(Encoding.ASCII.GetBytes(serial)).AsSpan(0, _uuid.Length).CopyTo(_uuid);
        _uuid[6] = (byte)((_uuid[6] & 0x0f) | 0x80);
        _uuid[8] = (byte)((_uuid[8] & 0x3f) | 0x80);
    }

    internal NvmeStatus Fill(uint what, uint nsid, Span<byte> bytes)
    {
        bytes.Clear();
        switch (what)
        {
            case OfController:
                FillController(bytes);
                return NvmeStatus.Success;
            case OfNamespace when nsid == NvmeNamespace.Id:
                FillNamespace(bytes);
                return NvmeStatus.Success;
            case ActiveNamespaces when nsid < NvmeCommand.AllNamespaces - 1:
                if (nsid < NvmeNamespace.Id) BinaryPrimitives.WriteUInt32LittleEndian(bytes, NvmeNamespace.Id);
                return NvmeStatus.Success;
            case NamespaceDescriptors when nsid == NvmeNamespace.Id:
                bytes[0] = UuidType;
                bytes[1] = (byte)_uuid.Length;
                _uuid.CopyTo(bytes[4..]);
                return NvmeStatus.Success;
            default:
                return what <= NamespaceDescriptors ? NvmeStatus.InvalidNs : NvmeStatus.InvalidField;
        }
    }

    private void FillController(Span<byte> bytes)
    {
        Put(bytes, 0, NvmeDevice.VendorId);
        Put(bytes, 2, NvmeDevice.SubsystemVendorId);
        Text(bytes.Slice(4, 20), _serial);
        Text(bytes.Slice(24, 40), "Ioasis NVMe Ctrl");
        NvmeLogs.Firmware.CopyTo(bytes[64..]);
        bytes[72] = 6;    // RAB
        bytes[77] = NvmeData.LongestLog2; // MDTS
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[80..], NvmeRegisters.Version);
        bytes[111] = 1;   // CNTRLTYPE: an I/O controller
        bytes[258] = 3;   // ACL
        bytes[259] = NvmeEvents.Limit - 1; // AERL
        bytes[260] = 3;   // FRMW: one slot, read-only
        bytes[261] = 6;   // LPA: command effects, extended data
        Put(bytes, 266, (ushort)NvmeLogs.WarningTemperature);
        Put(bytes, 268, (ushort)NvmeLogs.CriticalTemperature);
        bytes[512] = 0x66; // SQES
        bytes[513] = 0x44; // CQES
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[516..], 1); // NN
        Put(bytes, 520, 0x0c); // ONCS: dataset management, write zeroes
        bytes[525] = 7; // VWC: present; a flush covers all namespaces
        Encoding.ASCII.GetBytes($"nqn.2014-08.org.nvmexpress:uuid:{new Guid(_uuid, bigEndian: true)}", bytes[768..]);
        Put(bytes, 2048, 2500); // the only power state: 25 W
    }

    private void FillNamespace(Span<byte> bytes)
    {
        // NSZE, NCAP, NUSE
        for (int at = 0; at < 24; at += 8) BinaryPrimitives.WriteUInt64LittleEndian(bytes[at..], _blocks.Blocks);
        bytes[130] = NvmeNamespace.BlockShift; // LBADS of the only format
    }

    private static void Put(Span<byte> bytes, int at, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], value);

    /// <summary>Writes ASCII text, padded with spaces.</summary>
    private static void Text(Span<byte> field, string text)
    {
        field.Fill((byte)' ');
        Encoding.ASCII.GetBytes(text.AsSpan(0, Math.Min(text.Length, field.Length)), field);
    }
}
