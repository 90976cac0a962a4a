/// The version of everything that is built from this source, as the programs' `--version` and `$runtime` tell it.
public enum ProgramVersion {
  public static let current = "0.1.0"
}
