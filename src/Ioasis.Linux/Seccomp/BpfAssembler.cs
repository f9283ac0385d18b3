namespace Ioasis.Linux.Seccomp;

/// <summary>
/// Assembles a classic BPF program for seccomp. Jumps only go forward, to labels that are placed later, at most 255
/// instructions away.
/// </summary>
internal sealed class BpfAssembler
{
    /// <summary>Offset in struct seccomp_data of the system call number.</summary>
    public const uint NumberOffset = 0;

    /// <summary>Offset in struct seccomp_data of the architecture.</summary>
    public const uint ArchOffset = 4;

    private const ushort LoadWord = 0x20, ShiftRight = 0x74, And = 0x54, JumpIfEqual = 0x15, JumpIfAtLeast = 0x35,
        Return = 0x06;

    private readonly List<Instruction> _instructions = [];

    /// <summary>A jump target.</summary>
    internal sealed class Label
    {
        public int Position { get; set; } = -1;
    }

    /// <summary>Offset of the low half of an argument. The high half is 4 bytes after it (little-endian).</summary>
    public static uint ArgumentOffset(int index) => 16 + 8 * (uint)index;

    public void Load(uint offset) => _instructions.Add(new(LoadWord, offset, null));

    public void RightShift(uint bits) => _instructions.Add(new(ShiftRight, bits, null));

    public void Mask(uint bits) => _instructions.Add(new(And, bits, null));

    public void IfEqual(uint value, Label then) => _instructions.Add(new(JumpIfEqual, value, then));

    public void IfAtLeast(uint value, Label then) => _instructions.Add(new(JumpIfAtLeast, value, then));

    public void Answer(uint action) => _instructions.Add(new(Return, action, null));

    public void Place(Label label) => label.Position = _instructions.Count;

    /// <summary>The finished program.</summary>
    public SockFilter[] ToArray()
    {
        var program = new SockFilter[_instructions.Count];
        for (int i = 0; i < program.Length; i++)
        {
            (ushort code, uint k, Label? then) = _instructions[i];
            byte distance = then is null ? (byte)0 : checked((byte)(then.Position - i - 1));
            program[i] = new SockFilter(code, distance, 0, k);
        }

        return program;
    }

    private sealed record Instruction(ushort Code, uint K, Label? True);
}
